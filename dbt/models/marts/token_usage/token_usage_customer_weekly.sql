-- Grain: one row per account and ISO week with at least one request.
{{ token_usage_of_accounts('week', 'week_start') }}
