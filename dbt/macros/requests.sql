{#-
  Body of the two request staging models. The gateways for open-source and proprietary models
  deliver the same columns into two tables; this keeps one definition of a request.

  Every delivered version stays: finding the latest one takes a sort of all requests, which is for
  int_requests to do, and only for the days that changed.
  requests: name of the bronze table.
-#}
{% macro staged_requests(requests) -%}
with

source as (
    {{ delivered('inference', requests) }}
),

cleaned as (
    select
        -- Compared as delivered, as by the loader and by what notes the days of other versions.
        request_id,
        {{ text_or_unknown('account_id') }} as account_id,
        {{ text_or_unknown('api_name') }} as api_name,
        {{ text_or_unknown('model_variant') }} as model_variant,
        cast(coalesce(input_tokens, 0) as bigint) as input_tokens,
        cast(coalesce(output_tokens, 0) as bigint) as output_tokens,
        cast(coalesce(cache_read_tokens, 0) as bigint) as cache_read_tokens,
        cast(coalesce(cache_write_tokens, 0) as bigint) as cache_write_tokens,
        {{ text_or_unknown('source_region') }} as source_region,
        {{ text_or_unknown('inference_region') }} as inference_region,
        {{ text_or_unknown('lower(traffic_type)') }} as traffic_type,
        {{ text_or_unknown('lower(inference_scope)') }} as inference_scope,
        {{ finite_numeric('latency_ms') }} as latency_ms,
        nullif(upper(trim(error_code)), '') as error_code,
        {{ to_utc('event_timestamp') }} as requested_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

final as (
    select
        request_id,
        account_id,
        api_name,
        model_variant,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        -- The four kinds are metered and billed apart, so none is part of another.
        input_tokens + output_tokens + cache_read_tokens + cache_write_tokens as total_tokens,
        source_region,
        inference_region,
        traffic_type,
        inference_scope,
        latency_ms,
        error_code,
        (error_code is not null) as is_error,
        coalesce(error_code = 'E429', false) as is_throttled,
        coalesce(error_code = 'E503', false) as is_unavailable,
        requested_at,
        cast(date_trunc('minute', requested_at) as timestamp) as requested_minute_at,
        cast(date_trunc('hour', requested_at) as timestamp) as requested_hour_at,
        cast(requested_at as date) as requested_date,
        loaded_at
    from cleaned
)

select * from final
{%- endmacro %}
