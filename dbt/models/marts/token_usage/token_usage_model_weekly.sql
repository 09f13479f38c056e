-- Grain: one row per model variant and ISO week with at least one request.
{{ token_usage_of_models(ref('int_token_usage_period'), 'week', 'week_start') }}
