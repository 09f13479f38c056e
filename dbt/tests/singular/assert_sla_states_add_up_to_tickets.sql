-- Every ticket is in one state: met, breached, active and not judged add up to the tickets in each
-- row of sla_adherence, and the members of each dimension to the tickets of the fact in each month.
{{ config(store_failures=true) }}

with adherence as (select * from {{ ref('sla_adherence') }}),

facts as (

    select
        cast(date_trunc('month', created_date) as date) as month_start,
        count(*) as ticket_count,
        count(*) filter (where sla_state = 'met') as met_count,
        count(*) filter (where sla_state = 'breached') as breached_count,
        count(*) filter (where first_response_state = 'breached') as late_answer_count
    from {{ ref('fct_tickets') }}
    group by cast(date_trunc('month', created_date) as date)

),

views as (

    select distinct
        dimension,
        clock
    from adherence

),

expected as (

    select
        facts.*,
        views.dimension,
        views.clock
    from facts
    cross join views

),

months as (

    select
        period_start as month_start,
        dimension,
        clock,
        sum(ticket_count) as ticket_count,
        sum(met_count) as met_count,
        sum(breached_count) as breached_count,
        sum(first_response_breached_count) as late_answer_count
    from adherence
    where grain = 'month'
    group by period_start, dimension, clock

)

select
    period_start,
    dimension,
    dimension_value,
    clock,
    'states do not add up to tickets' as problem
from adherence
where
    met_count + breached_count + active_count + not_judged_count <> ticket_count
    or first_response_met_count + first_response_breached_count + first_response_active_count
    + first_response_not_judged_count <> ticket_count

union all

select
    coalesce(expected.month_start, months.month_start) as period_start,
    coalesce(expected.dimension, months.dimension) as dimension,
    cast(null as varchar(10)) as dimension_value,
    coalesce(expected.clock, months.clock) as clock,
    'members do not add up to the fact' as problem
from expected
full outer join months
    on {{ columns_equal('expected', 'months', ['month_start', 'dimension', 'clock']) }}
where
    coalesce(expected.ticket_count, 0) <> coalesce(months.ticket_count, 0)
    or (
        expected.clock = 'policy'
        and (
            expected.met_count <> months.met_count
            or expected.breached_count <> months.breached_count
            or expected.late_answer_count <> months.late_answer_count
        )
    )
