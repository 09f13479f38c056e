-- Grain: one row per bronze table of which something, not later than the as-of day, was delivered.
{#
  What a table never delivered speaks of is unknown: no count of it is 0, and no flag false. Macro
  is_delivered asks here. What a correction or the end of a contract says later was not delivered yet.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

{#- Tables whose first day int_first_observed knows, and the staging models of all others. -#}
{%- set feeds = {
    'requests': [
        'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary',
    ],
    'revenue': ['revenue_account_daily'],
    'tickets': ['support_tickets'],
    'incidents': ['platform_incidents'],
    'subscriptions': ['subscriptions'],
    'accounts': ['customer_details'],
    'surveys': ['csat_responses'],
    'utilization': ['resource_model_utilization'],
    'product_events': ['product_usage_events'],
    'onboarding': ['onboarding_step_events'],
} -%}
{%- set others = {
    'invoices': ('stg_invoices', 'invoice_date'),
    'deal_stage_history': ('stg_deal_stage_changes', 'cast(changed_at as date)'),
    'crm_contacts': ('stg_contact_versions', 'cast(updated_at as date)'),
    'customer_success_activities': ('stg_cs_activities', 'cast(coalesce(done_at, due_at) as date)'),
    'product_feature_releases': ('stg_feature_releases', 'cast(released_at as date)'),
    'web_events': ('stg_web_events', 'cast(event_at as date)'),
    'marketing_campaigns': ('stg_campaigns', 'cast(updated_at as date)'),
    'marketing_spend_daily': ('stg_marketing_spend', 'spend_date'),
    'marketing_email_events': ('stg_email_events', 'event_date'),
    'sales_activities': ('stg_sales_activities', 'done_date'),
    'resource_accelerator_inventory': ('stg_accelerator_inventory', 'cast(observed_at as date)'),
    'resource_model_instance_allocation': (
        'stg_instance_allocation', 'cast(observed_at as date)'
    ),
    'quota_default_rate_limits': ('stg_default_rate_limits', 'snapshot_date'),
    'quota_customer_rate_limit_adjustments': ('stg_rate_limit_adjustments', 'snapshot_date'),
    'quota_customer_rate_limit_requests': (
        'stg_rate_limit_requests', 'cast(requested_at as date)'
    ),
    'config_model_dimensions': ('stg_model_configurations', 'snapshot_date'),
    'config_model_region_availability': ('stg_model_regions', 'snapshot_date'),
    'metric_targets': ('stg_metric_targets', 'valid_from'),
    'health_levels': ('stg_health_levels', 'valid_from'),
    'sla_targets': ('stg_sla_targets', 'valid_from'),
    'uptime_targets': ('stg_uptime_targets', 'valid_from'),
    'plan_prices': ('stg_plan_prices', 'valid_from'),
    'account_members': ('stg_account_members', 'cast(updated_at as date)'),
    'platform_applications': ('stg_platform_applications', 'cast(updated_at as date)'),
    'success_plan_goals': ('stg_success_plan_goals', 'cast(updated_at as date)'),
} %}

first_days as (

    {%- for feed, tables in feeds.items() %}
    {%- for table in tables %}
    select
        '{{ table }}' as bronze_table,
        first_date
    from {{ ref('int_first_observed') }}
    where feed = '{{ feed }}'

    union all

    {% endfor %}
    {%- endfor %}
    {%- for table, (model, day) in others.items() %}
    select
        '{{ table }}' as bronze_table,
        min({{ day }}) as first_date
    from {{ ref(model) }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

final as (

    select
        first_days.bronze_table,
        first_days.first_date
    from first_days
    inner join as_of
        on first_days.first_date <= as_of.as_of_date

)

select * from final
