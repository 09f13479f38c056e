-- Grain: one row per model variant and fiscal year to date with revenue rows.
{{ revenue_of_grain(ref('model_revenue_period'), 'ytd', 'fiscal_year_start') }}
