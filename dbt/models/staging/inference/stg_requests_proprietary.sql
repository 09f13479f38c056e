-- Grain: one row per delivered version of a request to a proprietary model.
{{ staged_requests('inference_user_token_usage_proprietary') }}
