-- Grain: one row per account and complete month in which it ended its last paying contract.
{#
  Who left, from which industry, and what its use was like: tokens of the 28 days before the month
  against the 28 before those. One that came back later keeps its row.
#}
with months as (

    select *
    from (
        {{ periods_of(['subscriptions']) }}
    ) as periods
    where
        grain = 'month'
        and is_complete

),

coverage as (

    select first_date from {{ ref('int_first_observed') }}
    where feed = 'requests'

),

reach as (

    {{ reach_of(['requests']) }}

),

churned as (

    select
        movements.account_id,
        months.period_start as month_start,
        movements.first_paid_period_start,
        movements.previous_mrr as lost_mrr,
        coverage.first_date <= cast(months.period_start - interval '56 day' as date)
        and reach.last_date >= cast(months.period_start - interval '1 day' as date) as is_use_known
    from {{ ref('int_mrr_account_period') }} as movements
    inner join months
        on {{ columns_equal('movements', 'months', ['grain', 'period_start']) }}
    left join coverage
        on coverage.first_date is not null
    cross join reach
    where movements.movement = 'churn'

),

usage as (

    select
        churned.account_id,
        churned.month_start,
        sum(daily.total_tokens) filter (
            where daily.usage_date >= cast(churned.month_start - interval '28 day' as date)
        ) as last_tokens,
        sum(daily.total_tokens) filter (
            where daily.usage_date < cast(churned.month_start - interval '28 day' as date)
        ) as tokens_before
    from churned
    inner join {{ ref('fct_usage_daily') }} as daily
        on
            churned.account_id = daily.account_id
            and churned.month_start > daily.usage_date
            and cast(churned.month_start - interval '56 day' as date) <= daily.usage_date
    group by churned.account_id, churned.month_start

),

measured as (

    select
        churned.*,
        case when churned.is_use_known then coalesce(usage.last_tokens, 0) end as last_tokens,
        case when churned.is_use_known then coalesce(usage.tokens_before, 0) end as tokens_before
    from churned
    left join usage
        on {{ columns_equal('churned', 'usage', ['account_id', 'month_start']) }}

),

changed as (

    select
        *,
        {{ pct('last_tokens - tokens_before', 'tokens_before') }} as usage_change_pct
    from measured

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['changed.account_id', 'changed.month_start']) }}
            as churned_account_key,
        changed.account_id,
        changed.month_start,
        accounts.account_name,
        accounts.vertical as industry,
        accounts.segment,
        accounts.plan_tier,
        accounts.home_region,
        accounts.owner_name,
        {{ months_between('changed.first_paid_period_start', 'changed.month_start') }}
            as tenure_months,
        changed.lost_mrr,
        changed.usage_change_pct,
        case
            when changed.last_tokens is null then 'unknown'
            when changed.last_tokens = 0 then 'silent'
            when changed.usage_change_pct <= -25 then 'falling'
            when changed.usage_change_pct >= 25 or changed.tokens_before = 0 then 'rising'
            else 'steady'
        end as usage_pattern
    from changed
    inner join {{ ref('dim_account') }} as accounts
        on changed.account_id = accounts.account_id

)

select * from final
