-- Grain: one row per account and fiscal year to date with revenue rows.
{{ customer_revenue_of_grain('ytd', 'fiscal_year_start') }}
