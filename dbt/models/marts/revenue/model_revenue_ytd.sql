-- Grain: one row per model variant and fiscal year to date with revenue rows.
{{ model_revenue_of_grain('ytd', 'fiscal_year_start') }}
