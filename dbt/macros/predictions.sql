{#-
  Features of the inputs of predictions, as columns.
  cutoff: alias of int_account_cutoff or of what has its columns; activity: of
      int_account_cutoff_activity.
-#}
{% macro prediction_features(cutoff, activity) -%}
    {%- set columns = [] -%}
    {%- for name in [
        'segment', 'plan_tier', 'vertical', 'account_size', 'home_region', 'tenure_days', 'has_paid',
        'paid_days', 'is_on_trial', 'contract_count', 'annual_contract_count',
        'ending_contract_count', 'mrr', 'mrr_change', 'days_until_renewal',
    ] -%}
        {%- do columns.append(cutoff ~ '.' ~ name) -%}
    {%- endfor -%}
    {%- for name in [
        'request_count', 'active_days', 'error_rate_pct', 'request_change_pct', 'login_count',
        'feature_use_count', 'feature_count', 'ticket_count', 'open_ticket_count', 'survey_score',
        'contact_count', 'lead_source',
    ] -%}
        {%- do columns.append(activity ~ '.' ~ name) -%}
    {%- endfor -%}
    {{ columns | join(',\n        ') }}
{%- endmacro %}
