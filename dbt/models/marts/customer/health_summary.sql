-- Grain: one row per grain (week, month), period of the health history and member of each account
-- dimension with an account in force at its end.
{#
  Of a period that is not over: on the as-of day. Whose level is not known is in no count of levels. Where
  a source of the score was never delivered no number is comparable with others, and there is none.
#}
with periods as (

    {{ periods_of([
        'accounts', 'subscriptions', 'tickets', 'product_events', 'surveys', 'invoices',
    ]) }}

),

levels as (

    select
        health.account_id,
        health.score_date,
        health.mrr,
        health.health_score,
        risks.risk_level
    from {{ ref('customer_health_scores') }} as health
    inner join {{ ref('int_account_risk') }} as risks
        on
            health.account_id = risks.account_id
            and health.score_date = risks.day_date
    where {{ are_delivered(health_tables()) }}

),

counted as (

    select
        periods.grain,
        periods.period_start,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        count(*) as account_count,
        count(levels.health_score) as scored_accounts,
        sum(levels.health_score) as health_score_sum,
        sum(levels.mrr) filter (where levels.health_score is not null) as scored_mrr,
        sum(levels.health_score * cast(levels.mrr as numeric(18, 6))) as weighted_score_sum,
        count(*) filter (where levels.risk_level in ('critical', 'high')) as at_risk_count,
        count(*) filter (where levels.risk_level = 'unknown') as unknown_risk_accounts
    from periods
    inner join levels
        on periods.observed_end = levels.score_date
    inner join {{ ref('dim_account') }} as accounts
        on levels.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    group by 1, 2, 3, 4

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        counted.grain,
        counted.period_start,
        counted.dimension,
        counted.dimension_value,
        {{ is_over_and_known('counted') }} as is_complete,
        cast(counted.account_count as bigint) as account_count,
        cast(counted.scored_accounts as bigint) as scored_accounts,
        cast(counted.health_score_sum as numeric(24, 6)) as health_score_sum,
        {{ ratio('counted.health_score_sum', 'counted.scored_accounts') }} as mean_health_score,
        {{ ratio('counted.weighted_score_sum', 'counted.scored_mrr') }}
            as mrr_weighted_health_score,
        cast(
            case
                when counted.unknown_risk_accounts < counted.account_count
                    then counted.at_risk_count
            end as bigint
        ) as at_risk_accounts,
        cast(counted.unknown_risk_accounts as bigint) as unknown_risk_accounts
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
