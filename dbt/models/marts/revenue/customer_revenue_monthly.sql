-- Grain: one row per account and calendar month with revenue rows.
{{ customer_revenue_of_grain('month', 'month_start') }}
