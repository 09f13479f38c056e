-- Grain: one row per model variant and ISO week with revenue rows.
{{ revenue_of_grain(ref('model_revenue_period'), 'week', 'week_start') }}
