{#- Metrics of the driver map that are known of each account and week: columns of driver_account_week. -#}
{% macro driver_account_metrics() -%}
    {{ return([
        'error_rate_pct', 'tickets_per_account', 'escalation_rate_pct', 'ticket_resolution_hours',
        'first_contact_resolution_rate_pct', 'support_satisfaction_score', 'account_health_score',
        'at_risk_accounts', 'qbr_completion_rate_pct', 'health_check_frequency',
        'multi_model_adoption_rate_pct', 'feature_adoption_rate_pct', 'time_in_product_hours',
        'api_call_growth_pct', 'token_growth_per_account_pct', 'internal_user_growth_pct',
        'customer_reported_roi_score',
    ]) }}
{%- endmacro %}

{#- Select account_id, week_start, metric and value of these columns of driver_account_week, where known. -#}
{% macro driver_account_values(columns) -%}
    {%- for column in columns %}
    select
        account_id,
        week_start,
        '{{ column }}' as metric,
        cast({{ column }} as numeric(38, 6)) as value
    from {{ ref('driver_account_week') }}
    where {{ column }} is not null
    {%- if not loop.last %}

    union all
{% endif %}
    {%- endfor %}
{%- endmacro %}
