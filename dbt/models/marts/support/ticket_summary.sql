-- Grain: one row per grain (week, month), period and member of each account dimension since
-- tickets or requests are observed.
with periods as (

    {{ periods_of(['tickets']) }}

),

coverage as (

    select min(first_date) as first_date from {{ ref('int_first_observed') }}
    where feed in ('requests', 'tickets')

),

expanded as (

    select
        grain_dimensions.grain,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        tickets.ticket_id,
        tickets.created_date,
        tickets.is_platform_ticket,
        tickets.is_open,
        tickets.resolution_hours,
        tickets.csat
    from {{ ref('fct_tickets') }} as tickets
    inner join {{ ref('dim_account') }} as accounts
        on tickets.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on grain_dimensions.dimension <> 'product'

),

members as (

    select distinct
        grain,
        dimension,
        dimension_value
    from expanded

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        members.dimension,
        members.dimension_value,
        {{ is_over_and_known('members') }} as is_complete,
        {{ is_over_and_known('members') }}
        and count(expanded.ticket_id) filter (where expanded.is_open) = 0 as is_final,
        cast(count(expanded.ticket_id) as bigint) as ticket_count,
        cast(count(expanded.ticket_id) filter (where expanded.is_platform_ticket) as bigint)
            as platform_ticket_count,
        cast(count(expanded.ticket_id) filter (where not expanded.is_platform_ticket) as bigint)
            as other_ticket_count,
        cast(count(expanded.ticket_id) filter (where expanded.is_open) as bigint)
            as open_ticket_count,
        cast(count(expanded.resolution_hours) as bigint) as resolved_ticket_count,
        cast(sum(expanded.resolution_hours) as numeric(18, 6)) as resolution_hours_sum,
        {{ ratio('sum(expanded.resolution_hours)', 'count(expanded.resolution_hours)') }}
            as mean_resolution_hours,
        cast(
            percentile_cont(0.50) within group (order by expanded.resolution_hours) as numeric(
                18, 6
            )
        ) as median_resolution_hours,
        cast(avg(expanded.csat) as numeric(18, 6)) as mean_csat
    from periods
    inner join coverage
        on periods.observed_end >= coverage.first_date
    inner join members
        on periods.grain = members.grain
    left join expanded
        on
            {{ columns_equal('members', 'expanded', ['grain', 'dimension', 'dimension_value']) }}
            and periods.period_start <= expanded.created_date
            and periods.period_end >= expanded.created_date
    cross join known_members
    group by
        periods.grain, periods.period_start, members.dimension, members.dimension_value,
        periods.is_complete, known_members.accounts_date, known_members.plans_date

)

select * from final
