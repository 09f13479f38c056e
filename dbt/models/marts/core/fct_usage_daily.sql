-- Grain: one row per account, model variant, region and day with at least one request.
with usage as (select * from {{ ref('int_observed_usage') }}),

history as (select * from {{ ref('int_account_history') }}),

daily as (

    select
        account_id,
        model_variant,
        source_region,
        usage_date,
        sum(request_count) as request_count,
        sum(error_count) as error_count,
        sum(throttled_count) as throttled_count,
        sum(unavailable_count) as unavailable_count,
        sum(input_tokens) as input_tokens,
        sum(output_tokens) as output_tokens,
        sum(cache_read_tokens) as cache_read_tokens,
        sum(cache_write_tokens) as cache_write_tokens,
        sum(total_tokens) as total_tokens,
        sum(latency_ms_sum) as latency_ms_sum,
        sum(latency_count) as latency_count,
        min(first_success_at) as first_success_at
    from usage
    group by account_id, model_variant, source_region, usage_date

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key([
            'daily.account_id', 'daily.model_variant', 'daily.source_region', 'daily.usage_date'
        ]) }} as usage_key,
        daily.account_id,
        daily.model_variant,
        daily.source_region,
        daily.usage_date,
        coalesce(history.plan_tier, 'Unknown') as plan_tier_as_of_event,
        coalesce(history.segment, 'Unknown') as segment_as_of_event,
        cast(daily.request_count as bigint) as request_count,
        cast(daily.error_count as bigint) as error_count,
        cast(daily.throttled_count as bigint) as throttled_count,
        cast(daily.unavailable_count as bigint) as unavailable_count,
        cast(daily.request_count - daily.error_count as bigint) as success_count,
        cast(daily.input_tokens as bigint) as input_tokens,
        cast(daily.output_tokens as bigint) as output_tokens,
        cast(daily.cache_read_tokens as bigint) as cache_read_tokens,
        cast(daily.cache_write_tokens as bigint) as cache_write_tokens,
        cast(daily.total_tokens as bigint) as total_tokens,
        cast(daily.latency_ms_sum as numeric(24, 6)) as latency_ms_sum,
        cast(daily.latency_count as bigint) as latency_count,
        daily.first_success_at
    from daily
    left join history
        on
            daily.account_id = history.account_id
            and cast(daily.usage_date + interval '1 day' as timestamp) > history.valid_from_at
            and cast(daily.usage_date + interval '1 day' as timestamp) <= history.valid_to_at

)

select * from final
