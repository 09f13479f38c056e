-- Grain: one row per account, model variant, scope and source region with requests in the window.
{# Each minute and day is held against the limit in force on that day. #}
{%- set key = ['account_id', 'model_variant', 'inference_scope', 'source_region'] %}
{%- set near = setting('quota_near_limit_pct') %}
with as_of as (

    select
        *,
        cast(as_of_date - interval '{{ var("capacity_window_days") - 1 }} day' as date)
            as window_start
    from ({{ known_as_of(['requests']) }}) as known

),

limits as (

    select
        *,
        dense_rank() over (
            order by
                account_id nulls last, model_variant nulls last, inference_scope nulls last,
                source_region nulls last
        ) as key_number
    from {{ ref('int_rate_limit_day') }}

),

keys as (

    select distinct
        key_number,
        {{ key | join(', ') }}
    from limits

),

-- The minutes are many, so they are grouped by a number and not by four texts.
minutes as (

    select
        keys.key_number,
        usage_minutes.usage_date,
        usage_minutes.usage_minute_at,
        cast(sum(usage_minutes.request_count) as bigint) as request_count,
        cast(sum(usage_minutes.total_tokens) as bigint) as total_tokens
    from {{ ref('int_token_usage_minute') }} as usage_minutes
    inner join as_of
        on
            usage_minutes.usage_date >= as_of.window_start
            and usage_minutes.usage_date <= as_of.as_of_date
    inner join keys
        on {{ columns_equal('usage_minutes', 'keys', key) }}
    group by keys.key_number, usage_minutes.usage_date, usage_minutes.usage_minute_at

),

percentiles as (

    select
        key_number,
        cast({{ percentile(0.95, 'request_count') }} as numeric(24, 6)) as requests_per_minute_p95,
        cast({{ percentile(0.95, 'total_tokens') }} as numeric(24, 6)) as tokens_per_minute_p95
    from minutes
    group by key_number

),

minute_peaks as (

    select
        minutes.key_number,
        minutes.usage_date,
        count(*) as active_minutes,
        max(minutes.request_count) as requests_per_minute_peak,
        max(minutes.total_tokens) as tokens_per_minute_peak,
        count(*) filter (
            where minutes.request_count >= limits.requests_per_minute
            or minutes.total_tokens >= limits.tokens_per_minute
        ) as minutes_at_limit
    from minutes
    inner join limits
        on
            minutes.key_number = limits.key_number
            and minutes.usage_date = limits.limit_date
    group by minutes.key_number, minutes.usage_date

),

-- The limit of a day is one, so the minute with the highest peak is the nearest to it.
day_use as (

    select
        limits.key_number,
        limits.request_count,
        limits.throttled_count,
        limits.total_tokens,
        minute_peaks.active_minutes,
        minute_peaks.requests_per_minute_peak,
        minute_peaks.tokens_per_minute_peak,
        minute_peaks.minutes_at_limit,
        {{ pct('minute_peaks.requests_per_minute_peak', 'limits.requests_per_minute') }}
            as requests_use_pct,
        {{ pct('minute_peaks.tokens_per_minute_peak', 'limits.tokens_per_minute') }}
            as tokens_use_pct,
        {{ pct('limits.total_tokens', 'limits.tokens_per_day') }} as tokens_per_day_use_pct,
        coalesce(limits.total_tokens >= limits.tokens_per_day, false) as is_at_limit,
        coalesce(
            100 * minute_peaks.requests_per_minute_peak >= {{ near }} * limits.requests_per_minute,
            false
        )
        or coalesce(
            100 * minute_peaks.tokens_per_minute_peak >= {{ near }} * limits.tokens_per_minute,
            false
        )
        or coalesce(100 * limits.total_tokens >= {{ near }} * limits.tokens_per_day, false)
            as is_near_limit
    from limits
    inner join minute_peaks
        on
            limits.key_number = minute_peaks.key_number
            and limits.limit_date = minute_peaks.usage_date

),

peaks as (

    select
        key_number,
        sum(active_minutes) as active_minutes,
        sum(request_count) as request_count,
        sum(throttled_count) as throttled_count,
        max(requests_per_minute_peak) as requests_per_minute_peak,
        max(tokens_per_minute_peak) as tokens_per_minute_peak,
        max(total_tokens) as tokens_per_day_peak,
        max(requests_use_pct) as requests_use_pct,
        max(tokens_use_pct) as tokens_use_pct,
        max(tokens_per_day_use_pct) as tokens_per_day_use_pct,
        sum(minutes_at_limit) as minutes_at_limit,
        count(*) filter (where is_at_limit) as days_at_limit,
        bool_or(is_near_limit) as was_near_limit
    from day_use
    group by key_number

),

final as (

    select
        keys.account_id,
        keys.model_variant,
        keys.inference_scope,
        keys.source_region,
        peaks.active_minutes,
        peaks.request_count,
        peaks.throttled_count,
        peaks.requests_per_minute_peak,
        peaks.tokens_per_minute_peak,
        peaks.tokens_per_day_peak,
        peaks.requests_use_pct,
        peaks.tokens_use_pct,
        peaks.tokens_per_day_use_pct,
        peaks.minutes_at_limit,
        peaks.days_at_limit,
        peaks.was_near_limit,
        percentiles.requests_per_minute_p95,
        percentiles.tokens_per_minute_p95
    from keys
    inner join peaks
        on keys.key_number = peaks.key_number
    inner join percentiles
        on keys.key_number = percentiles.key_number

)

select * from final
