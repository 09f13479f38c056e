-- Grain: one row per account with at least one request in the fiscal year to date.
{{ token_usage_of_accounts(ref('int_token_usage_period'), 'ytd', 'fiscal_year_start') }}
