-- Grain: one row per grain (week, month) and period with usage.
{#
  The tenth of the accounts that used most tokens in the period (at least one account), against the
  rest.
#}
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'requests'

),

usage as (

    {{ by_grain(ref('fct_usage_daily'), 'usage_date') }}

),

account_periods as (

    select
        grain,
        period_start,
        account_id,
        sum(total_tokens) as total_tokens,
        sum(request_count) as request_count,
        sum(throttled_count) as throttled_count
    from usage
    group by grain, period_start, account_id

),

ranked as (

    select
        account_periods.*,
        periods.is_complete,
        row_number() over (
            partition by account_periods.grain, account_periods.period_start
            order by
                account_periods.total_tokens desc nulls last,
                account_periods.account_id asc nulls last
        ) as usage_rank,
        count(*) over (
            partition by account_periods.grain, account_periods.period_start
        ) as account_count
    from account_periods
    inner join periods
        on {{ columns_equal('account_periods', 'periods', ['grain', 'period_start']) }}

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
