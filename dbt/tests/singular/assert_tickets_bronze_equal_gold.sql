-- Tickets created up to the as-of day, and those resolved by then, are the same in bronze, in the
-- fact and in the marts in every month.
{{ config(store_failures=true) }}

with bronze as (

    select
        cast(date_trunc('month', tickets.created_date) as date) as month_start,
        count(*) as ticket_count,
        count(*) filter (where tickets.resolved_at < as_of.as_of_end_at) as resolved_count
    from {{ ref('stg_tickets') }} as tickets
    inner join {{ ref('int_as_of') }} as as_of
        on tickets.created_date <= as_of.as_of_date
    group by cast(date_trunc('month', tickets.created_date) as date)

),

facts as (

    select
        cast(date_trunc('month', created_date) as date) as month_start,
        count(*) as ticket_count,
        count(*) filter (where not is_open) as resolved_count
    from {{ ref('fct_tickets') }}
    group by cast(date_trunc('month', created_date) as date)

),

metric_months as (

    select
        period_start as month_start,
        value as ticket_count
    from {{ ref('metric_values') }}
    where
        metric = 'ticket_volume'
        and grain = 'month'
        and dimension = 'all'

),

categories as (

    select
        period_start as month_start,
        sum(ticket_count) as ticket_count,
        sum(resolved_ticket_count) as resolved_count
    from {{ ref('ticket_category_summary') }}
    where grain = 'month'
    group by period_start

),

months as (

    select month_start from bronze
    union
    select month_start from facts
    union
    select month_start from metric_months
    union
    select month_start from categories

)

select
    months.month_start,
    bronze.ticket_count as bronze_tickets,
    facts.ticket_count as fact_tickets,
    metric_months.ticket_count as metric_tickets,
    categories.ticket_count as category_tickets
from months
left join bronze
    on months.month_start = bronze.month_start
left join facts
    on months.month_start = facts.month_start
left join metric_months
    on months.month_start = metric_months.month_start
left join categories
    on months.month_start = categories.month_start
where
    coalesce(bronze.ticket_count, 0) <> coalesce(facts.ticket_count, 0)
    or coalesce(bronze.ticket_count, 0) <> coalesce(metric_months.ticket_count, 0)
    or coalesce(bronze.ticket_count, 0) <> coalesce(categories.ticket_count, 0)
    or coalesce(bronze.resolved_count, 0) <> coalesce(facts.resolved_count, 0)
    or coalesce(bronze.resolved_count, 0) <> coalesce(categories.resolved_count, 0)
