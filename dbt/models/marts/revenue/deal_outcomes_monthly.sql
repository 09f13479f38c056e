-- Grain: one row per month from the first deal to the as-of day.
{# Deals count where they were created and where they were closed; a reopened deal is not closed. #}
with deals as (

    select
        *,
        cast(date_trunc('month', closed_at) as date) as closed_month
    from {{ ref('fct_deals') }}

),

created as (

    select
        created_month,
        count(*) as created_count,
        sum(first_deal_value) as created_value,
        count(*) filter (where first_deal_value is null) as created_unvalued_count
    from deals
    group by created_month

),

closed as (

    select
        closed_month,
        count(*) filter (where stage_outcome = 'won') as won_count,
        count(*) filter (where stage_outcome = 'lost') as lost_count,
        count(*) filter (where stage_outcome = 'won' and deal_value is null)
            as won_unvalued_count,
        count(*) filter (where stage_outcome = 'lost' and deal_value is null)
            as lost_unvalued_count,
        sum(deal_value) filter (where stage_outcome = 'won') as won_value,
        sum(deal_value) filter (where stage_outcome = 'lost') as lost_value,
        {{ percentile(0.5, 'cycle_days') }} as median_cycle_days,
        {{ percentile(0.9, 'cycle_days') }} as p90_cycle_days
    from deals
    where closed_month is not null
    group by closed_month

),

digits as (

    {%- for digit in range(10) %}
    select {{ digit }} as digit
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

-- 1,000 months: a deal is not older than 83 years.
numbers as (

    select a.digit + 10 * b.digit + 100 * c.digit as month_number
    from digits as a
    cross join digits as b
    cross join digits as c

),

first_deal as (

    select
        as_of.as_of_date,
        min(created.created_month) as first_month
    from created
    cross join {{ ref('int_as_of') }} as as_of
    group by as_of.as_of_date

),

-- Up to which day both the calendar and the feed of deals are known.
reach as (

    select
        case
            when deals.last_date < as_of.as_of_date then deals.last_date
            else as_of.as_of_date
        end as last_date
    from ({{ reach_of(['deals']) }}) as deals
    cross join {{ ref('int_as_of') }} as as_of

),

months as (

    select
        first_deal.as_of_date,
        cast(first_deal.first_month + numbers.month_number * interval '1 month' as date)
            as month_start
    from first_deal
    cross join numbers
    where
        numbers.month_number
        <= {{ months_between('first_deal.first_month', 'first_deal.as_of_date') }}

),

final as (

    select
        months.month_start,
        cast(months.month_start + interval '1 month' - interval '1 day' as date)
        <= reach.last_date as is_complete,
        cast(coalesce(created.created_count, 0) as bigint) as created_count,
        cast(coalesce(created.created_unvalued_count, 0) as bigint) as created_unvalued_count,
        {{ known_sum('created.created_value', 'created.created_count') }} as created_value,
        cast(coalesce(closed.won_count, 0) as bigint) as won_count,
        cast(coalesce(closed.lost_count, 0) as bigint) as lost_count,
        cast(coalesce(closed.won_unvalued_count, 0) as bigint) as won_unvalued_count,
        cast(coalesce(closed.lost_unvalued_count, 0) as bigint) as lost_unvalued_count,
        {{ known_sum('closed.won_value', 'closed.won_count') }} as won_value,
        {{ known_sum('closed.lost_value', 'closed.lost_count') }} as lost_value,
        {{ pct('closed.won_count', 'closed.won_count + closed.lost_count') }} as win_rate_pct,
        cast(closed.median_cycle_days as numeric(24, 6)) as median_cycle_days,
        cast(closed.p90_cycle_days as numeric(24, 6)) as p90_cycle_days
    from months
    cross join reach
    left join created
        on months.month_start = created.created_month
    left join closed
        on months.month_start = closed.closed_month

)

select * from final
