-- Grain: one row per account, model variant, scope and source region with requests in the window.
{{ config(pre_hook="{{ hash_joins_only() }}") }}
{#
  Each minute and day is held against the limit in force on that day: the default of the newest
  snapshot by then, replaced by an adjustment that is in force. Adjustments of one effective date
  are versions of one agreement, of which the newest by the as-of day holds; of several agreements
  in force the one that took effect last. A limit that an adjustment leaves out stays the default.
  Without any default ever delivered, nobody knows that an account has no limit or stays below it;
  without adjustments, the defaults are all that is known.
#}
{%- set key = ['account_id', 'model_variant', 'inference_scope', 'source_region'] %}
{%- set near = var('quota_near_limit_pct') %}
with as_of as (

    select
        *,
        cast(as_of_date - interval '{{ var("capacity_window_days") - 1 }} day' as date)
            as window_start
    from ({{ known_as_of(['requests']) }}) as known

),

-- A limit knows no traffic types.
days as (

    select
        usage.account_id,
        usage.model_variant,
        usage.inference_scope,
        usage.source_region,
        usage.usage_date,
        sum(usage.request_count) as request_count,
        sum(usage.throttled_count) as throttled_count,
        sum(usage.total_tokens) as total_tokens
    from {{ ref('int_token_usage_daily') }} as usage
    inner join as_of
        on
            usage.usage_date >= as_of.window_start
            and usage.usage_date <= as_of.as_of_date
    group by
        usage.account_id,
        usage.model_variant,
        usage.inference_scope,
        usage.source_region,
        usage.usage_date

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
        dense_rank() over (
            order by
                key_days.account_id nulls last,
                key_days.model_variant nulls last,
                key_days.inference_scope nulls last,
                key_days.source_region nulls last
        ) as key_number,
        key_days.account_id,
        key_days.model_variant,
        key_days.inference_scope,
        key_days.source_region,
        key_days.limit_date,
        in_force.agreement_rank is not null as is_adjusted,
        coalesce(in_force.requests_per_minute, defaults.requests_per_minute)
            as requests_per_minute,
        coalesce(in_force.tokens_per_minute, defaults.tokens_per_minute) as tokens_per_minute,
        coalesce(in_force.tokens_per_day, defaults.tokens_per_day) as tokens_per_day,
        days.request_count,
        days.throttled_count,
        days.total_tokens
    from key_days
    left join days
        on
            key_days.account_id = days.account_id
            and key_days.model_variant = days.model_variant
            and key_days.inference_scope = days.inference_scope
            and key_days.source_region = days.source_region
            and key_days.limit_date = days.usage_date
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
        on
            usage_minutes.account_id = keys.account_id
            and usage_minutes.model_variant = keys.model_variant
            and usage_minutes.inference_scope = keys.inference_scope
            and usage_minutes.source_region = keys.source_region
    group by keys.key_number, usage_minutes.usage_date, usage_minutes.usage_minute_at

),

percentiles as (

    select
        key_number,
        percentile_cont(0.95) within group (order by request_count) as requests_per_minute_p95,
        percentile_cont(0.95) within group (order by total_tokens) as tokens_per_minute_p95
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

-- The peaks of the window beside the limits that hold now.
present as (

    select
        peaks.*,
        {{ is_delivered('quota_default_rate_limits') }} as has_defaults,
        {{ is_delivered('quota_customer_rate_limit_adjustments') }} as has_adjustments,
        case
            when {{ is_delivered('quota_customer_rate_limit_adjustments') }} then 'the limit'
            else 'the default limit'
        end as limit_name,
        percentiles.requests_per_minute_p95,
        percentiles.tokens_per_minute_p95,
        limits.account_id,
        limits.model_variant,
        limits.inference_scope,
        limits.source_region,
        limits.is_adjusted,
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.tokens_per_day,
        coalesce(
            100 * peaks.requests_per_minute_peak >= {{ near }} * limits.requests_per_minute, false
        ) as needs_requests_per_minute,
        coalesce(
            100 * peaks.tokens_per_minute_peak >= {{ near }} * limits.tokens_per_minute, false
        ) as needs_tokens_per_minute,
        coalesce(100 * peaks.tokens_per_day_peak >= {{ near }} * limits.tokens_per_day, false)
            as needs_tokens_per_day
    from peaks
    inner join percentiles
        on peaks.key_number = percentiles.key_number
    cross join as_of
    inner join limits
        on
            peaks.key_number = limits.key_number
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
        case
            when
                coalesce(
                    present.requests_per_minute, present.tokens_per_minute, present.tokens_per_day
                ) is not null
                then true
            when present.has_defaults then false
        end as has_limit,
        case when present.has_adjustments then present.is_adjusted end as is_adjusted,
        present.requests_per_minute as requests_per_minute_limit,
        present.tokens_per_minute as tokens_per_minute_limit,
        present.tokens_per_day as tokens_per_day_limit,
        cast(present.active_minutes as bigint) as active_minutes,
        cast(present.request_count as bigint) as request_count,
        cast(present.throttled_count as bigint) as throttled_count,
        {{ pct('present.throttled_count', 'present.request_count') }} as throttle_rate_pct,
        cast(present.requests_per_minute_peak as bigint) as requests_per_minute_peak,
        cast(present.requests_per_minute_p95 as numeric(38, 6)) as requests_per_minute_p95,
        cast(present.requests_use_pct as numeric(38, 6)) as requests_per_minute_use_pct,
        cast(present.tokens_per_minute_peak as bigint) as tokens_per_minute_peak,
        cast(present.tokens_per_minute_p95 as numeric(38, 6)) as tokens_per_minute_p95,
        cast(present.tokens_use_pct as numeric(38, 6)) as tokens_per_minute_use_pct,
        cast(present.tokens_per_day_peak as bigint) as tokens_per_day_peak,
        cast(present.tokens_per_day_use_pct as numeric(38, 6)) as tokens_per_day_use_pct,
        {%- for name in ['minutes_at_limit', 'days_at_limit'] %}
        cast(
            case when present.has_defaults or present.{{ name }} > 0 then present.{{ name }} end
            as bigint
        ) as {{ name }},
        {%- endfor %}
        case when present.has_defaults or present.was_near_limit then present.was_near_limit end
            as is_near_limit,
        case
            when
                present.needs_requests_per_minute
                or present.needs_tokens_per_minute
                or present.needs_tokens_per_day
                then true
            when present.has_defaults then false
        end as is_upgrade_candidate,
        nullif(
            concat_ws(
                '; ',
                case
                    when present.needs_requests_per_minute
                        then
                            'peak requests per minute at or above {{ near }} % of '
                            || present.limit_name
                end,
                case
                    when present.needs_tokens_per_minute
                        then
                            'peak tokens per minute at or above {{ near }} % of '
                            || present.limit_name
                end,
                case
                    when present.needs_tokens_per_day
                        then
                            'peak tokens per day at or above {{ near }} % of '
                            || present.limit_name
                end
            ),
            ''
        ) as reason,
        as_of.as_of_date as known_to_date
    from present
    cross join as_of
    left join {{ ref('dim_account') }} as accounts
        on present.account_id = accounts.account_id

)

select * from final
