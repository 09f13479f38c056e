-- Grain: one row per grain (week, month) and period with usage.
{#
  The tenth of the accounts that used most tokens in the period (at least one account), against the
  rest.
#}
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'requests'

),

account_periods as (

    select
        periods.grain,
        periods.period_start,
        periods.is_complete,
        usage.account_id,
        sum(usage.total_tokens) as total_tokens,
        sum(usage.request_count) as request_count,
        sum(usage.throttled_count) as throttled_count
    from {{ ref('fct_usage_daily') }} as usage
    inner join periods
        on
            usage.usage_date >= periods.period_start
            and usage.usage_date <= periods.period_end
    group by periods.grain, periods.period_start, periods.is_complete, usage.account_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by grain, period_start
            order by total_tokens desc nulls last, account_id asc nulls last
        ) as usage_rank,
        count(*) over (partition by grain, period_start) as account_count
    from account_periods

),

final as (

    select
        grain,
        period_start,
        'all' as dimension,
        'all' as dimension_value,
        is_complete,
        cast(count(*) filter (where usage_rank <= ceil(account_count / 10.0)) as bigint)
            as top_decile_accounts,
        cast(
            sum(request_count) filter (where usage_rank <= ceil(account_count / 10.0)) as bigint
        ) as top_decile_request_count,
        cast(
            sum(throttled_count) filter (where usage_rank <= ceil(account_count / 10.0)) as bigint
        ) as top_decile_throttled_count,
        {{ pct(
            'sum(throttled_count) filter (where usage_rank <= ceil(account_count / 10.0))',
            'sum(request_count) filter (where usage_rank <= ceil(account_count / 10.0))'
        ) }} as top_decile_throttle_rate_pct,
        {{ pct(
            'sum(throttled_count) filter (where usage_rank > ceil(account_count / 10.0))',
            'sum(request_count) filter (where usage_rank > ceil(account_count / 10.0))'
        ) }} as other_throttle_rate_pct
    from ranked
    group by grain, period_start, is_complete

)

select * from final
