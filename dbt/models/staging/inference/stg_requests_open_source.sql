-- Grain: one row per request to an open-source model, latest version.
{{ staged_requests(source('inference', 'inference_user_token_usage_open_source')) }}
