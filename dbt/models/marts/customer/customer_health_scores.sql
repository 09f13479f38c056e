-- Grain: one row per account in force (active or suspended) and day of the health history.
{#
  Known is what had happened by the end of the day, so a day that is over changes no more unless its
  source is corrected. docs/health.md gives every rule.
#}
{%- set number = "cast(cast({0} as numeric(18, {1})) as varchar(20))" %}
{%- set reasons = {
    'usage': [
        number.format('events_per_user_day', 2), "' events per user and day'",
    ],
    'active_days': ["'used on '", number.format('active_days_pct', 0), "' % of days'"],
    'feature': [
        "'uses '", number.format('features_30d', 0), "' of '",
        number.format('available_features', 0), "' features'",
    ],
    'nps': ["'recommends with '", number.format('mean_nps_90d', 1), "' of 10'"],
    'open_ticket': ["'open tickets: '", number.format('open_tickets', 0)],
    'escalation': ["'escalated tickets: '", number.format('escalated_tickets', 0)],
    'sla_breach': [
        "'support targets missed in 30 days: '", number.format('sla_breaches_30d', 0),
    ],
    'rating': ["'rates support with '", number.format('mean_rating_90d', 1), "' of 5'"],
    'contraction': ["'recurring revenue '", number.format('mrr_change_pct', 1), "' % in 3 months'"],
    'overdue': ["'overdue invoices: '", number.format('overdue_invoices', 0)],
} %}
with health as (select * from {{ ref('int_account_health') }}),

compared as (

    select
        health.*,
        cast(
            health.health_score - month_before.health_score as numeric(18, 1)
        ) as health_score_change_30d
    from health
    left join health as month_before
        on
            health.account_id = month_before.account_id
            and cast(health.day_date - interval '30 day' as date) = month_before.day_date
    where health.is_history

),

losses as (

    {%- for name, words in reasons.items() %}
    select
        account_id,
        day_date,
        '{{ name }}' as reason_name,
        cast({{ name }}_loss as numeric(18, 3)) as points,
        {{ words | join(' || ') }} as reason
    from compared
    where cast({{ name }}_loss as numeric(18, 3)) >= {{ setting('health_reason_min_points') }}
    {%- if not loop.last %}

    union all

    {% endif %}
    {%- endfor %}

),

ranked as (

    select
        *,
        row_number() over (
            partition by account_id, day_date
            order by points desc nulls last, reason_name asc nulls last
        ) as reason_rank
    from losses

),

explained as (

    select
        account_id,
        day_date,
        max(case when reason_rank = 1 then reason end) as first_reason,
        max(case when reason_rank = 2 then reason end) as second_reason,
        max(case when reason_rank = 3 then reason end) as third_reason
    from ranked
    where reason_rank <= 3
    group by account_id, day_date

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['compared.account_id', 'compared.day_date']) }}
            as health_score_key,
        compared.account_id,
        compared.day_date as score_date,
        as_of.as_of_date is not null as is_latest,
        coalesce(history.segment, 'Unknown') as segment_as_of_day,
        coalesce(history.plan_tier, 'Unknown') as plan_tier_as_of_day,
        compared.status,
        compared.mrr,
        cast(compared.health_score as numeric(18, 1)) as health_score,
        case
            when compared.health_score is null then 'unknown'
            {%- for tier, lowest in setting('health_tiers') | dictsort(by='value', reverse=true) %}
            when compared.health_score >= {{ lowest }} then '{{ tier }}'
            {%- endfor %}
            else 'critical'
        end as health_tier,
        compared.health_score_change_30d,
        compared.usage_score,
        compared.support_score,
        compared.revenue_score,
        compared.engagement_score,
        compared.coverage_pct,
        compared.is_usage_measured,
        compared.is_support_measured,
        compared.is_revenue_measured,
        case
            when compared.health_score is null then 'too little is known'
            when explained.first_reason is null and compared.coverage_pct = 100
                then 'nothing pulls it down'
            when explained.first_reason is null then 'nothing that is known pulls it down'
            else concat_ws(
                '; ', explained.first_reason, explained.second_reason, explained.third_reason
            )
        end as reasons,
        compared.events_30d,
        compared.events_previous_30d,
        compared.users_90d,
        compared.events_per_user_day,
        compared.active_days_30d,
        compared.active_days_pct,
        compared.features_30d,
        compared.available_features,
        compared.feature_breadth_pct,
        compared.open_tickets,
        compared.escalated_tickets,
        compared.escalations_30d,
        compared.sla_breaches_30d,
        compared.mean_rating_90d,
        compared.mean_nps_90d,
        compared.mrr_change_pct,
        compared.contraction_months,
        compared.overdue_invoices
    from compared
    left join {{ ref('int_as_of') }} as as_of
        on compared.day_date = as_of.as_of_date
    left join {{ ref('int_account_history') }} as history
        on
            compared.account_id = history.account_id
            and compared.day_end_at > history.valid_from_at
            and compared.day_end_at <= history.valid_to_at
    left join explained
        on {{ columns_equal('compared', 'explained', ['account_id', 'day_date']) }}

)

select * from final
