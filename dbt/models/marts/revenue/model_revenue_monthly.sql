-- Grain: one row per model variant and calendar month with revenue rows.
{{ model_revenue_of_grain('month', 'month_start') }}
