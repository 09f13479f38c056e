-- Grain: one row per model variant with at least one request in the fiscal year to date.
{{ token_usage_of_models(ref('int_token_usage_period'), 'ytd', 'fiscal_year_start') }}
