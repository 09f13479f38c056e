-- Grain: one row per delivered version of a request to an open-source model.
{{ staged_requests('inference_user_token_usage_open_source') }}
