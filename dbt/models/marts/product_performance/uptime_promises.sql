-- Grain: one row per account to which an uptime is promised, grain (week, month) and period in
-- which the regions that it uses are known.
{#
  The promise is that of the plan tier at the end of the period, as it stood when the period began,
  and is judged in each region that the account used in the period or the one before: who could not
  send anything while a region was down is no less affected. The worst region decides. Credit is a
  part of what the contracts of the account are worth per month; it is due by month only.
#}
with periods as (

    {{ periods_of(['incidents', 'accounts', 'subscriptions'], daily='requests') }}

),

history as (select * from {{ ref('dim_account_history') }}),

targets as (select * from {{ ref('stg_uptime_targets') }}),

usage as (

    {{ by_grain(ref('fct_usage_daily'), 'usage_date') }}

),

used as (

    select distinct
        grain,
        period_start,
        account_id,
        source_region as region
    from usage
    where source_region <> 'Unknown'

),

concerned as (

    {%- for period in ['period_start', 'previous_period_start'] %}
    select
        periods.grain,
        periods.period_start,
        used.account_id,
        used.region
    from used
    inner join periods
        on
            used.grain = periods.grain
            and used.period_start = periods.{{ period }}
    {%- if not loop.last %}

    union
    {% endif %}
    {%- endfor %}

),

measured as (

    select
        concerned.grain,
        concerned.period_start,
        concerned.account_id,
        concerned.region,
        {{ pct('downtime.period_minutes - downtime.downtime_minutes', 'downtime.period_minutes') }}
            as uptime_pct,
        downtime.downtime_minutes,
        count(*) over (
            partition by concerned.grain, concerned.period_start, concerned.account_id
        ) as region_count,
        max(downtime.open_downtime_count) over (
            partition by concerned.grain, concerned.period_start, concerned.account_id
        ) as open_downtime_count,
        row_number() over (
            partition by concerned.grain, concerned.period_start, concerned.account_id
            order by downtime.downtime_minutes desc nulls last, concerned.region asc nulls last
        ) as region_rank
    from concerned
    inner join {{ ref('fct_downtime_period') }} as downtime
        on {{ columns_equal('concerned', 'downtime', ['grain', 'period_start', 'region']) }}

),

promised as (

    select
        measured.*,
        periods.is_complete,
        history.plan_tier,
        history.segment,
        history.home_region,
        targets.target_pct,
        targets.credit_pct,
        recurring.mrr,
        measured.uptime_pct < targets.target_pct as is_breach
    from measured
    inner join periods
        on {{ columns_equal('measured', 'periods', ['grain', 'period_start']) }}
    inner join history
        on
            measured.account_id = history.account_id
            and periods.observed_end_at > history.valid_from_at
            and periods.observed_end_at <= history.valid_to_at
            and coalesce(history.is_active, true)
            and history.plan_tier_source <> 'ended_contract'
    inner join targets
        on
            lower(history.plan_tier) = targets.plan_tier
            and periods.period_start >= targets.valid_from
            and periods.period_start < targets.valid_to
            and targets.target_pct is not null
    left join {{ ref('int_mrr_account_period') }} as recurring
        on {{ columns_equal('measured', 'recurring', ['grain', 'period_start', 'account_id']) }}
    where measured.region_rank = 1

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['grain', 'period_start', 'account_id']) }}
            as uptime_promise_key,
        grain,
        period_start,
        account_id,
        is_complete,
        is_complete and open_downtime_count = 0 as is_final,
        plan_tier,
        segment,
        home_region,
        cast(region_count as bigint) as region_count,
        region as worst_region,
        target_pct as uptime_target_pct,
        uptime_pct,
        downtime_minutes,
        open_downtime_count,
        is_breach,
        case
            when grain <> 'month' then null
            when not is_breach or credit_pct is null then 0
            else credit_pct * cast(mrr as numeric(18, 6)) / 100
        end as credit_amount
    from promised

)

select
    uptime_promise_key,
    grain,
    period_start,
    account_id,
    is_complete,
    is_final,
    plan_tier,
    segment,
    home_region,
    region_count,
    worst_region,
    uptime_target_pct,
    uptime_pct,
    downtime_minutes,
    open_downtime_count,
    is_breach,
    cast(credit_amount as numeric(24, 6)) as credit_amount
from final
