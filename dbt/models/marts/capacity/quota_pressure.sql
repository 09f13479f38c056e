-- Grain: one row per account, model variant, scope and source region with requests in the window.
{#
  Each minute and day is held against the limit in force on that day: the default of the newest
  snapshot by then, replaced by an adjustment that is in force. Adjustments of one effective date
  are versions of one agreement, of which the newest by the as-of day holds; of several agreements
  in force the one that took effect last. A limit that an adjustment leaves out stays the default.
#}
{%- set key = ['account_id', 'model_variant', 'inference_scope', 'source_region'] %}
{%- set near = var('quota_near_limit_pct') %}
with as_of as (

    select
        *,
        cast(as_of_date - interval '{{ var("capacity_window_days") - 1 }} day' as date)
            as window_start
    from {{ ref('int_as_of') }}

),

-- A limit knows no traffic types.
minutes as (

    select
        usage_minutes.account_id,
        usage_minutes.model_variant,
        usage_minutes.inference_scope,
        usage_minutes.source_region,
        usage_minutes.usage_date,
        usage_minutes.usage_minute_at,
        sum(usage_minutes.request_count) as request_count,
        sum(usage_minutes.throttled_count) as throttled_count,
        sum(usage_minutes.total_tokens) as total_tokens
    from {{ ref('int_token_usage_minute') }} as usage_minutes
    inner join as_of
        on
            usage_minutes.usage_date >= as_of.window_start
            and usage_minutes.usage_date <= as_of.as_of_date
    group by
        usage_minutes.account_id,
        usage_minutes.model_variant,
        usage_minutes.inference_scope,
        usage_minutes.source_region,
        usage_minutes.usage_date,
        usage_minutes.usage_minute_at

),

days as (

    select
        {{ key | join(', ') }},
        usage_date,
        sum(total_tokens) as total_tokens
    from minutes
    group by {{ key | join(', ') }}, usage_date

),

-- The days of use, and the as-of day for the present limits.
key_days as (

    select
        {{ key | join(', ') }},
        usage_date as limit_date
    from days

    union

    select
        days.account_id,
        days.model_variant,
        days.inference_scope,
        days.source_region,
        as_of.as_of_date as limit_date
    from days
    cross join as_of

),

defaults as (

    select
        limits.*,
        lead(limits.snapshot_date) over (
            partition by limits.model_variant, limits.inference_scope, limits.source_region
            order by limits.snapshot_date nulls last
        ) as next_snapshot_date
    from {{ ref('stg_default_rate_limits') }} as limits
    inner join as_of
        on limits.snapshot_date <= as_of.as_of_date

),

agreements as (

    select
        adjustments.*,
        row_number() over (
            partition by
                adjustments.account_id,
                adjustments.model_variant,
                adjustments.inference_scope,
                adjustments.source_region,
                adjustments.valid_from_date
            order by adjustments.snapshot_date desc nulls last
        ) as version_rank
    from {{ ref('stg_rate_limit_adjustments') }} as adjustments
    inner join as_of
        on adjustments.snapshot_date <= as_of.as_of_date

),

in_force as (

    select
        key_days.account_id,
        key_days.model_variant,
        key_days.inference_scope,
        key_days.source_region,
        key_days.limit_date,
        agreements.requests_per_minute,
        agreements.tokens_per_minute,
        agreements.tokens_per_day,
        row_number() over (
            partition by
                key_days.account_id,
                key_days.model_variant,
                key_days.inference_scope,
                key_days.source_region,
                key_days.limit_date
            order by agreements.valid_from_date desc nulls last
        ) as agreement_rank
    from key_days
    inner join agreements
        on
            key_days.account_id = agreements.account_id
            and key_days.model_variant = agreements.model_variant
            and key_days.inference_scope = agreements.inference_scope
            and key_days.source_region = agreements.source_region
            and key_days.limit_date >= agreements.valid_from_date
            and key_days.limit_date < agreements.valid_to_date
    where agreements.version_rank = 1

),

limits as (

    select
        key_days.account_id,
        key_days.model_variant,
        key_days.inference_scope,
        key_days.source_region,
        key_days.limit_date,
        in_force.agreement_rank is not null as is_adjusted,
        coalesce(in_force.requests_per_minute, defaults.requests_per_minute)
            as requests_per_minute,
        coalesce(in_force.tokens_per_minute, defaults.tokens_per_minute) as tokens_per_minute,
        coalesce(in_force.tokens_per_day, defaults.tokens_per_day) as tokens_per_day
    from key_days
    left join defaults
        on
            key_days.model_variant = defaults.model_variant
            and key_days.inference_scope = defaults.inference_scope
            and key_days.source_region = defaults.source_region
            and key_days.limit_date >= defaults.snapshot_date
            and (
                key_days.limit_date < defaults.next_snapshot_date
                or defaults.next_snapshot_date is null
            )
    left join in_force
        on
            key_days.account_id = in_force.account_id
            and key_days.model_variant = in_force.model_variant
            and key_days.inference_scope = in_force.inference_scope
            and key_days.source_region = in_force.source_region
            and key_days.limit_date = in_force.limit_date
            and in_force.agreement_rank = 1

),

minute_use as (

    select
        minutes.*,
        {{ pct('minutes.request_count', 'limits.requests_per_minute') }} as requests_use_pct,
        {{ pct('minutes.total_tokens', 'limits.tokens_per_minute') }} as tokens_use_pct,
        coalesce(minutes.request_count >= limits.requests_per_minute, false)
        or coalesce(minutes.total_tokens >= limits.tokens_per_minute, false) as is_at_limit,
        coalesce(100 * minutes.request_count >= {{ near }} * limits.requests_per_minute, false)
        or coalesce(100 * minutes.total_tokens >= {{ near }} * limits.tokens_per_minute, false)
            as is_near_limit
    from minutes
    inner join limits
        on
            minutes.account_id = limits.account_id
            and minutes.model_variant = limits.model_variant
            and minutes.inference_scope = limits.inference_scope
            and minutes.source_region = limits.source_region
            and minutes.usage_date = limits.limit_date

),

minute_peaks as (

    select
        {{ key | join(', ') }},
        count(*) as active_minutes,
        sum(request_count) as request_count,
        sum(throttled_count) as throttled_count,
        max(request_count) as requests_per_minute_peak,
        percentile_cont(0.95) within group (order by request_count) as requests_per_minute_p95,
        max(total_tokens) as tokens_per_minute_peak,
        percentile_cont(0.95) within group (order by total_tokens) as tokens_per_minute_p95,
        max(requests_use_pct) as requests_use_pct,
        max(tokens_use_pct) as tokens_use_pct,
        count(*) filter (where is_at_limit) as minutes_at_limit,
        bool_or(is_near_limit) as is_near_limit
    from minute_use
    group by {{ key | join(', ') }}

),

day_use as (

    select
        days.*,
        {{ pct('days.total_tokens', 'limits.tokens_per_day') }} as tokens_per_day_use_pct,
        coalesce(days.total_tokens >= limits.tokens_per_day, false) as is_at_limit,
        coalesce(100 * days.total_tokens >= {{ near }} * limits.tokens_per_day, false)
            as is_near_limit
    from days
    inner join limits
        on
            days.account_id = limits.account_id
            and days.model_variant = limits.model_variant
            and days.inference_scope = limits.inference_scope
            and days.source_region = limits.source_region
            and days.usage_date = limits.limit_date

),

day_peaks as (

    select
        {{ key | join(', ') }},
        max(total_tokens) as tokens_per_day_peak,
        max(tokens_per_day_use_pct) as tokens_per_day_use_pct,
        count(*) filter (where is_at_limit) as days_at_limit,
        bool_or(is_near_limit) as is_near_limit
    from day_use
    group by {{ key | join(', ') }}

),

-- The peaks of the window beside the limits that hold now.
present as (

    select
        minute_peaks.*,
        day_peaks.tokens_per_day_peak,
        day_peaks.tokens_per_day_use_pct,
        day_peaks.days_at_limit,
        minute_peaks.is_near_limit or day_peaks.is_near_limit as was_near_limit,
        limits.is_adjusted,
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.tokens_per_day,
        coalesce(
            100 * minute_peaks.requests_per_minute_peak >= {{ near }} * limits.requests_per_minute,
            false
        ) as needs_requests_per_minute,
        coalesce(
            100 * minute_peaks.tokens_per_minute_peak >= {{ near }} * limits.tokens_per_minute,
            false
        ) as needs_tokens_per_minute,
        coalesce(
            100 * day_peaks.tokens_per_day_peak >= {{ near }} * limits.tokens_per_day, false
        ) as needs_tokens_per_day
    from minute_peaks
    inner join day_peaks
        on
            minute_peaks.account_id = day_peaks.account_id
            and minute_peaks.model_variant = day_peaks.model_variant
            and minute_peaks.inference_scope = day_peaks.inference_scope
            and minute_peaks.source_region = day_peaks.source_region
    cross join as_of
    inner join limits
        on
            minute_peaks.account_id = limits.account_id
            and minute_peaks.model_variant = limits.model_variant
            and minute_peaks.inference_scope = limits.inference_scope
            and minute_peaks.source_region = limits.source_region
            and as_of.as_of_date = limits.limit_date

),

final as (

    select
        present.account_id,
        coalesce(accounts.account_name, 'Unknown') as account_name,
        coalesce(accounts.plan_tier, 'Unknown') as plan_tier,
        present.model_variant,
        present.inference_scope,
        present.source_region,
        coalesce(
            present.requests_per_minute, present.tokens_per_minute, present.tokens_per_day
        ) is not null as has_limit,
        present.is_adjusted,
        present.requests_per_minute as requests_per_minute_limit,
        present.tokens_per_minute as tokens_per_minute_limit,
        present.tokens_per_day as tokens_per_day_limit,
        cast(present.active_minutes as bigint) as active_minutes,
        cast(present.request_count as bigint) as request_count,
        cast(present.throttled_count as bigint) as throttled_count,
        {{ pct('present.throttled_count', 'present.request_count') }} as throttle_rate_pct,
        cast(present.requests_per_minute_peak as bigint) as requests_per_minute_peak,
        cast(present.requests_per_minute_p95 as numeric(18, 6)) as requests_per_minute_p95,
        cast(present.requests_use_pct as numeric(18, 6)) as requests_per_minute_use_pct,
        cast(present.tokens_per_minute_peak as bigint) as tokens_per_minute_peak,
        cast(present.tokens_per_minute_p95 as numeric(38, 6)) as tokens_per_minute_p95,
        cast(present.tokens_use_pct as numeric(18, 6)) as tokens_per_minute_use_pct,
        cast(present.tokens_per_day_peak as bigint) as tokens_per_day_peak,
        cast(present.tokens_per_day_use_pct as numeric(18, 6)) as tokens_per_day_use_pct,
        cast(present.minutes_at_limit as bigint) as minutes_at_limit,
        cast(present.days_at_limit as bigint) as days_at_limit,
        present.was_near_limit as is_near_limit,
        present.needs_requests_per_minute
        or present.needs_tokens_per_minute
        or present.needs_tokens_per_day as is_upgrade_candidate,
        nullif(
            concat_ws(
                '; ',
                case
                    when present.needs_requests_per_minute
                        then 'peak requests per minute at or above {{ near }} % of the limit'
                end,
                case
                    when present.needs_tokens_per_minute
                        then 'peak tokens per minute at or above {{ near }} % of the limit'
                end,
                case
                    when present.needs_tokens_per_day
                        then 'peak tokens per day at or above {{ near }} % of the limit'
                end
            ),
            ''
        ) as reason
    from present
    left join {{ ref('dim_account') }} as accounts
        on present.account_id = accounts.account_id

)

select * from final
