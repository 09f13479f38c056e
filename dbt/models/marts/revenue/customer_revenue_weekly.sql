-- Grain: one row per account and ISO week with revenue rows.
{{ revenue_of_grain(ref('customer_revenue_period'), 'week', 'week_start') }}
