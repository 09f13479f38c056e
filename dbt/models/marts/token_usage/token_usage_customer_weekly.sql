-- Grain: one row per account and ISO week with at least one request.
{{ token_usage_of_accounts(ref('int_token_usage_period'), 'week', 'week_start') }}
