-- Grain: one row per account, model variant, scope and source region with requests in the window.
{#
  Use stands beside the limits that hold on the last day of the window. Without any default ever
  delivered, nobody knows that an account has no limit or stays below it; without adjustments, the
  defaults are all that is known.
#}
{%- set near = setting('quota_near_limit_pct') %}
with as_of as (

    {{ known_as_of(['requests']) }}

),

-- The peaks of the window beside the limits that hold now.
present as (

    select
        used.*,
        {{ is_delivered('quota_default_rate_limits') }} as has_defaults,
        {{ is_delivered('quota_customer_rate_limit_adjustments') }} as has_adjustments,
        case
            when {{ is_delivered('quota_customer_rate_limit_adjustments') }} then 'the limit'
            else 'the default limit'
        end as limit_name,
        limits.is_adjusted,
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.tokens_per_day,
        coalesce(
            100 * used.requests_per_minute_peak >= {{ near }} * limits.requests_per_minute, false
        ) as needs_requests_per_minute,
        coalesce(
            100 * used.tokens_per_minute_peak >= {{ near }} * limits.tokens_per_minute, false
        ) as needs_tokens_per_minute,
        coalesce(100 * used.tokens_per_day_peak >= {{ near }} * limits.tokens_per_day, false)
            as needs_tokens_per_day
    from {{ ref('int_rate_limit_use') }} as used
    cross join as_of
    inner join {{ ref('int_rate_limit_day') }} as limits
        on
            {{ columns_equal('used', 'limits', [
                'account_id', 'model_variant', 'inference_scope', 'source_region',
            ]) }}
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
