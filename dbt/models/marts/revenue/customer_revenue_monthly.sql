-- Grain: one row per account and calendar month with revenue rows.
{{ revenue_of_grain(ref('customer_revenue_period'), 'month', 'month_start') }}
