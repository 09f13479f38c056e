-- Grain: one row per model variant and calendar month with at least one request.
{{ token_usage_of_models(ref('int_token_usage_period'), 'month', 'month_start') }}
