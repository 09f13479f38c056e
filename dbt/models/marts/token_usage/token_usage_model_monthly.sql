-- Grain: one row per model variant and calendar month with at least one request.
{{ token_usage_of_models('month', 'month_start') }}
