-- Grain: one row per request to a proprietary model, latest version.
{{ staged_requests(source('inference', 'inference_user_token_usage_proprietary')) }}
