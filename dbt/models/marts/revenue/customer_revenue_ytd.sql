-- Grain: one row per account and fiscal year to date with revenue rows.
{{ revenue_of_grain(ref('customer_revenue_period'), 'ytd', 'fiscal_year_start') }}
