-- Grain: one row per account, model variant, scope, source region and day of the window with
-- requests, and the last day of the window.
{#
  The limit in force on a day: the default of the newest snapshot by then, replaced by an adjustment
  that is in force. Adjustments of one effective date are versions of one agreement, of which the
  newest by the as-of day holds; of several agreements in force the one that took effect last. A
  limit that an adjustment leaves out stays the default.
#}
{%- set key = ['account_id', 'model_variant', 'inference_scope', 'source_region'] %}
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
            {{ columns_equal('key_days', 'agreements', key) }}
            and key_days.limit_date >= agreements.valid_from_date
            and key_days.limit_date < agreements.valid_to_date
    where agreements.version_rank = 1

),

final as (

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
        coalesce(in_force.tokens_per_day, defaults.tokens_per_day) as tokens_per_day,
        days.request_count,
        days.throttled_count,
        days.total_tokens
    from key_days
    left join days
        on
            {{ columns_equal('key_days', 'days', key) }}
            and key_days.limit_date = days.usage_date
    left join defaults
        on
            {{ columns_equal('key_days', 'defaults', [
                'model_variant', 'inference_scope', 'source_region',
            ]) }}
            and key_days.limit_date >= defaults.snapshot_date
            and (
                key_days.limit_date < defaults.next_snapshot_date
                or defaults.next_snapshot_date is null
            )
    left join in_force
        on
            {{ columns_equal('key_days', 'in_force', key + ['limit_date']) }}
            and in_force.agreement_rank = 1

)

select * from final
