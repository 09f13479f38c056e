-- Grain: one row per account and calendar month with at least one request.
{{ token_usage_of_accounts('month', 'month_start') }}
