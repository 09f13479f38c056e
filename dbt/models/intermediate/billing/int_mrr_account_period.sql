-- Grain: one row per account, grain (week, month) and period from its first paid period to the as-
-- of day.
{#
  MRR is the recurring contract value in force at the end of the period, converted at the rate of
  the contract's start so that a moving currency is never expansion. See docs/decisions/0003.
#}
with periods as (

    select * from {{ ref('int_period') }}

),

rates as (

    select * from {{ ref('int_exchange_rates') }}

),

events as (

    select
        subscription_id,
        account_id,
        status,
        mrr_amount,
        currency_code,
        coalesce(started_at, event_at) as started_at,
        -- A contract that ended without a date ended with the event.
        case
            when status in ('cancelled', 'expired') then coalesce(cancelled_at, event_at)
            else cancelled_at
        end as ended_at,
        event_at as valid_from_at,
        coalesce(
            lead(event_at) over (
                partition by subscription_id
                order by
                    event_at nulls last,
                    case status when 'trial' then 1 when 'active' then 2 else 3 end nulls last,
                    status nulls last
            ),
            cast('9999-12-31' as timestamp)
        ) as valid_to_at
    from {{ ref('stg_subscription_events') }}

),

converted as (

    select
        events.*,
        cast(events.mrr_amount * rates.rate as numeric(18, 6)) as mrr
    from events
    left join rates
        on
            events.currency_code = rates.currency_code
            and cast(events.started_at as date) >= rates.valid_from
            and cast(events.started_at as date) < rates.valid_to

),

in_force as (

    select
        periods.grain,
        periods.period_start,
        converted.account_id,
        sum(converted.mrr) as mrr
    from periods
    inner join converted
        on
            periods.observed_end_at > converted.valid_from_at
            and periods.observed_end_at <= converted.valid_to_at
            and periods.observed_end_at > converted.started_at
            and (converted.ended_at is null or periods.observed_end_at <= converted.ended_at)
    where
        converted.status <> 'trial'
        and converted.mrr > 0
    group by periods.grain, periods.period_start, converted.account_id

),

first_paid as (

    select
        grain,
        account_id,
        min(period_start) as first_paid_period_start
    from in_force
    group by grain, account_id

),

spine as (

    select
        first_paid.grain,
        periods.period_start,
        first_paid.account_id,
        first_paid.first_paid_period_start
    from first_paid
    inner join periods
        on
            first_paid.grain = periods.grain
            and first_paid.first_paid_period_start <= periods.period_start

),

filled as (

    select
        spine.grain,
        spine.period_start,
        spine.account_id,
        spine.first_paid_period_start,
        cast(coalesce(in_force.mrr, 0) as numeric(18, 6)) as mrr,
        cast(
            coalesce(
                lag(in_force.mrr) over (
                    partition by spine.grain, spine.account_id
                    order by spine.period_start nulls last
                ),
                0
            ) as numeric(18, 6)
        ) as previous_mrr
    from spine
    left join in_force
        on
            spine.grain = in_force.grain
            and spine.period_start = in_force.period_start
            and spine.account_id = in_force.account_id

),

final as (

    select
        grain,
        period_start,
        account_id,
        first_paid_period_start,
        mrr,
        previous_mrr,
        case
            when mrr > 0 and period_start = first_paid_period_start then 'new'
            when mrr > 0 and previous_mrr = 0 then 'reactivation'
            when mrr > previous_mrr then 'expansion'
            when mrr > 0 and mrr < previous_mrr then 'contraction'
            when mrr = 0 and previous_mrr > 0 then 'churn'
            else 'none'
        end as movement
    from filled

)

select * from final
