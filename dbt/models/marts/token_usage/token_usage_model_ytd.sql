-- Grain: one row per model variant with at least one request in the fiscal year to date.
{{ token_usage_of_models('ytd', 'fiscal_year_start') }}
