-- Grain: one row per observation day (Sunday) whose 90 days are over, and health tier of that day.
{#
  Who paid on the day and pays nothing 90 days later has churned; who left and came back in between
  counts by the end state. Windows of neighbouring Sundays overlap, so their rows are not independent.
#}
{%- set window_days = 90 %}
with health as (

    select * from {{ ref('customer_health_scores') }}
    where
        mrr > 0
        and {{ iso_dow('score_date') }} = 7

),

reach as (

    {{ reach_of(['subscriptions']) }}

),

account_days as (

    select account_days.*
    from {{ ref('int_account_day') }} as account_days
    inner join reach
        on account_days.day_date <= reach.last_date

),

-- A day without its later day is one whose window is not over, or not known to its end.
followed as (

    select
        health.score_date as observation_date,
        health.health_tier,
        health.mrr,
        later.mrr as later_mrr
    from health
    inner join account_days as later
        on
            health.account_id = later.account_id
            and cast(health.score_date + interval '{{ window_days }} day' as date) = later.day_date

),

counted as (

    select
        observation_date,
        health_tier,
        count(*) as account_count,
        count(*) filter (where later_mrr = 0) as churned_count,
        sum(mrr) as mrr,
        sum({{ greater('mrr - later_mrr', '0') }}) as lost_mrr
    from followed
    group by observation_date, health_tier

),

final as (

    select
        observation_date,
        cast(observation_date + interval '{{ window_days }} day' as date) as window_end_date,
        health_tier,
        cast(account_count as bigint) as account_count,
        cast(churned_count as bigint) as churned_count,
        {{ pct('churned_count', 'account_count') }} as churn_pct,
        cast(mrr as numeric(24, 6)) as mrr,
        cast(lost_mrr as numeric(24, 6)) as lost_mrr,
        {{ pct('lost_mrr', 'mrr') }} as lost_mrr_pct
    from counted

)

select * from final
