-- Grain: one row per model variant and calendar month with revenue rows.
{{ revenue_of_grain(ref('model_revenue_period'), 'month', 'month_start') }}
