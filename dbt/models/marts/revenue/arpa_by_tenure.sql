-- Grain: one row per grain (week, month), period, member of each reporting dimension and tenure
-- with revenue.
{#
  ARPA of accounts that are new (signed up within `new_days` before the end of the period) and of those
  that are not; Unknown where no sign-up is on record. Revenue and accounts add up to those of
  revenue_summary.
#}
{%- set new_days = 91 %}
with periods as (

    select * from {{ ref('int_feed_period') }}
    where feed = 'revenue'

),

known_members as (

    {{ members_reach() }}

),

tenured as (

    select
        periods.*,
        account_periods.dimension,
        account_periods.dimension_value,
        account_periods.net_revenue,
        account_periods.is_active_paying,
        case
            when account_periods.signed_up_date is null then 'Unknown'
            when
                account_periods.signed_up_date
                > cast(periods.period_end - interval '{{ new_days }} day' as date)
                then 'new'
            else 'existing'
        end as tenure
    from {{ ref('fct_account_period_dimension') }} as account_periods
    inner join periods
        on {{ columns_equal('account_periods', 'periods', ['grain', 'period_start']) }}
    where account_periods.net_revenue is not null

),

counted as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        tenure,
        is_complete,
        sum(net_revenue) as net_revenue,
        count(*) filter (where is_active_paying) as active_accounts
    from tenured
    group by grain, period_start, dimension, dimension_value, tenure, is_complete

),

final as (

    select
        counted.grain,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        counted.tenure,
        counted.is_complete
        and {{ knows_members('counted.dimension', 'counted.grain', 'counted.period_start') }}
            as is_complete,
        cast(counted.net_revenue as numeric(24, 6)) as net_revenue,
        cast(counted.active_accounts as bigint) as active_accounts,
        {{ ratio('counted.net_revenue', 'counted.active_accounts') }} as arpa
    from counted
    cross join known_members

)

select * from final
