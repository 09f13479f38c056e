-- Grain: one row per active account whose satisfaction score of 30 days is below the setting
-- satisfaction_watch_below in the newest complete week.
{# Goes to the account's success manager; weeks_below counts the weeks without a break. #}
{%- set below = setting('satisfaction_watch_below') %}
with scores as (

    select
        account_id,
        week_start,
        cs_score_30_days,
        cs_score_30_days < {{ below }} as is_below
    from {{ ref('cs_score_account') }}
    where is_complete

),

newest as (

    select max(week_start) as week_start from scores

),

-- The newest week in which the account was not below, of all weeks it was scored in.
calm as (

    select
        account_id,
        max(week_start) filter (where not coalesce(is_below, false)) as last_calm_week,
        min(week_start) as first_week
    from scores
    group by account_id

),

final as (

    select
        scores.account_id,
        risks.account_name,
        risks.owner_name,
        risks.segment,
        risks.plan_tier,
        scores.week_start,
        scores.cs_score_30_days,
        cast(
            scores.cs_score_30_days - month_before.cs_score_30_days as numeric(18, 6)
        ) as change_4_weeks,
        {{ days_between(
            "coalesce(calm.last_calm_week, cast(calm.first_week - interval '7 day' as date))",
            'scores.week_start'
        ) }} / 7 as weeks_below,
        risks.mrr,
        risks.risk_level,
        risks.last_touch_date,
        risks.next_step
    from scores
    inner join newest
        on scores.week_start = newest.week_start
    inner join calm
        on scores.account_id = calm.account_id
    inner join {{ ref('churn_risk_view') }} as risks
        on scores.account_id = risks.account_id
    left join scores as month_before
        on
            scores.account_id = month_before.account_id
            and cast(scores.week_start - interval '28 day' as date) = month_before.week_start
    where scores.is_below

)

select * from final
