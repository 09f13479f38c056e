-- Grain: one row per model variant and ISO week with revenue rows.
{{ model_revenue_of_grain('week', 'week_start') }}
