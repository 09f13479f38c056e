-- Grain: one row per account and ISO week with revenue rows.
{{ customer_revenue_of_grain('week', 'week_start') }}
