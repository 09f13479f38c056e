-- Grain: one row per complete ISO week with platform tickets and group of accounts (affected,
-- unaffected).
{#
  Did the accounts that raised an error or latency ticket in the week use less afterwards? Mean tokens
  of the week before against the week after, over the accounts with usage in both (book, chapter 14).
#}
with weeks as (

    select * from ({{ periods_of(['tickets'], daily='requests') }}) as periods
    where
        grain = 'week'
        and is_complete

),

account_weeks as (

    select
        account_id,
        period_start as week_start,
        total_tokens
    from {{ ref('fct_account_period_dimension') }}
    where
        grain = 'week'
        and dimension = 'all'
        and total_tokens > 0

),

affected as (

    select distinct
        account_id,
        cast(date_trunc('week', created_date) as date) as week_start
    from {{ ref('fct_tickets') }}
    where is_platform_ticket

),

incident_weeks as (

    select
        weeks.period_start as week_start,
        before_weeks.period_start as week_before,
        after_weeks.period_start as week_after
    from weeks
    inner join weeks as before_weeks
        on weeks.previous_period_start = before_weeks.period_start
    inner join weeks as after_weeks
        on weeks.period_start = after_weeks.previous_period_start
    where weeks.period_start in (select affected.week_start from affected)

),

compared as (

    select
        incident_weeks.week_start,
        case when affected.account_id is not null then 'affected' else 'unaffected' end
            as account_group,
        usage_before.total_tokens as tokens_before,
        usage_after.total_tokens as tokens_after
    from incident_weeks
    inner join account_weeks as usage_before
        on incident_weeks.week_before = usage_before.week_start
    inner join account_weeks as usage_after
        on
            incident_weeks.week_after = usage_after.week_start
            and usage_before.account_id = usage_after.account_id
    left join affected
        on
            incident_weeks.week_start = affected.week_start
            and usage_before.account_id = affected.account_id

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['week_start', 'account_group']) }}
            as incident_impact_key,
        week_start,
        account_group,
        cast(count(*) as bigint) as account_count,
        cast(
            {{ ratio('sum(tokens_before)', 'count(tokens_before)') }} as numeric(18, 6)
        ) as mean_tokens_before,
        cast(
            {{ ratio('sum(tokens_after)', 'count(tokens_after)') }} as numeric(18, 6)
        ) as mean_tokens_after,
        {{ pct('sum(tokens_after) - sum(tokens_before)', 'sum(tokens_before)') }}
            as usage_change_pct
    from compared
    group by week_start, account_group

)

select * from final
