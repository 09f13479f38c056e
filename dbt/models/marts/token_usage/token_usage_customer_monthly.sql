-- Grain: one row per account and calendar month with at least one request.
{{ token_usage_of_accounts(ref('int_token_usage_period'), 'month', 'month_start') }}
