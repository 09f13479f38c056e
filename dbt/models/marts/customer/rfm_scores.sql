-- Grain: one row per customer: an account that pays at the as-of day, or was active lately.
{#
  Accounts are scored, not people: the MRR of an account is its people's together, and would count
  once for each of them. Active: a request, a login, a feature used, or a contract event (start,
  renewal, change). Contracts that go on by themselves are no sign of life. Recency and frequency end
  with the last day that both feeds of use reach, for all accounts alike.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

known as (

    {{ known_as_of(['requests', 'product_events']) }}

),

accounts as (

    select * from {{ ref('dim_account') }}
    where account_id <> 'Unknown'

),

product_days as (

    select
        product_usage.account_id,
        product_usage.usage_date as active_date,
        product_usage.event_count
    from {{ ref('int_product_usage_daily') }} as product_usage
    inner join known
        on product_usage.usage_date <= known.as_of_date
    where product_usage.event_type in ('login', 'feature_used')

),

active_days as (

    select
        account_id,
        active_date
    from product_days

    union all

    select
        usage.account_id,
        usage.usage_date as active_date
    from {{ ref('fct_usage_daily') }} as usage
    inner join known
        on usage.usage_date <= known.as_of_date

    union all

    select
        contracts.account_id,
        cast(contracts.in_force_from_at as date) as active_date
    from {{ ref('int_contract_history') }} as contracts
    inner join known
        on contracts.in_force_from_at < known.as_of_end_at
    where
        contracts.is_paying
        and contracts.status = 'active'

),

last_active as (

    select
        account_id,
        max(active_date) as last_active_date
    from active_days
    group by account_id

),

frequencies as (

    select
        product_days.account_id,
        sum(product_days.event_count) as event_count
    from product_days
    cross join known
    where
        {{ days_between('product_days.active_date', 'known.as_of_date') }}
        < {{ var('rfm_frequency_days') }}
    group by product_days.account_id

),

newest_snapshot as (

    select max(snapshot_date) as snapshot_date from {{ ref('fct_mrr_snapshot') }}

),

money as (

    select
        snapshots.account_id,
        snapshots.mrr
    from {{ ref('fct_mrr_snapshot') }} as snapshots
    inner join newest_snapshot
        on snapshots.snapshot_date = newest_snapshot.snapshot_date

),

measured as (

    select
        accounts.account_id,
        last_active.last_active_date,
        {{ days_between('last_active.last_active_date', 'known.as_of_date') }} as recency_days,
        cast(
            {{ unless_never_delivered('frequencies.event_count', '0', 'product_usage_events') }}
            as bigint
        ) as frequency,
        cast(
            {{ unless_never_delivered('money.mrr', '0', 'subscriptions', 'revenue_account_daily') }}
            as numeric(18, 6)
        ) as monetary,
        case
            when accounts.signed_up_date <= as_of.as_of_date
                then {{ days_between('accounts.signed_up_date', 'as_of.as_of_date') }}
        end as tenure_days,
        known.as_of_date as known_to_date
    from accounts
    cross join as_of
    cross join known
    left join last_active
        on accounts.account_id = last_active.account_id
    left join frequencies
        on accounts.account_id = frequencies.account_id
    left join money
        on accounts.account_id = money.account_id

),

customers as (

    select
        *,
        rank() over (order by recency_days nulls last) as recency_rank,
        rank() over (order by frequency nulls first) as frequency_rank,
        rank() over (order by monetary nulls first) as monetary_rank
    from measured
    where
        monetary > 0
        or recency_days < {{ var('rfm_customer_days') }}

),

scored as (

    select
        *,
        case
            when recency_days is null and max(recency_rank) over () > 1 then 1
            else {{ quintile('recency_rank', best_first=true) }}
        end as recency_score,
        {{ quintile('frequency_rank') }} as frequency_score,
        {{ quintile('monetary_rank') }} as monetary_score
    from customers

),

final as (

    select
        account_id,
        last_active_date,
        recency_days,
        frequency,
        monetary,
        tenure_days,
        recency_score,
        frequency_score,
        monetary_score,
        {{ rfm_segment(
            'recency_score',
            'frequency_score',
            'monetary_score',
            'tenure_days <= ' ~ setting('onboarding_max_days')
        ) }} as rfm_segment,
        known_to_date
    from scored

)

select * from final
