-- Grain: one row per account with at least one request in the fiscal year to date.
{{ token_usage_of_accounts('ytd', 'fiscal_year_start') }}
