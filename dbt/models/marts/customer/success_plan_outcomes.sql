-- Grain: one row per grain (week, month), period and member of each account dimension with a goal
-- of a success plan that is due in it.
{#
  The target is reached from the side of the baseline: fewer hours, or more leads. A customer states
  the result within a month of the due day; a goal that nobody has reported on by then was not
  reached. Money is what the customer states, of goals with a result, at the rate of the due day.
#}
{%- set days_to_state = 30 %}
with as_of as (

    {{ known_as_of(['goals']) }}

),

periods as (

    {{ periods_of(['goals']) }}

),

versions as (

    select
        goals.*,
        cast(goals.due_at as date) as due_date,
        row_number() over (
            partition by goals.goal_id
            order by goals.updated_at desc nulls last
        ) as version_rank
    from {{ ref('stg_success_plan_goals') }} as goals
    inner join as_of
        on goals.updated_at < as_of.as_of_end_at

),

due as (

    select
        versions.*,
        as_of.as_of_date
    from versions
    inner join as_of
        on versions.due_date <= as_of.as_of_date
    where versions.version_rank = 1

),

rates as (

    {{ rates_of_days('due', 'due_date') }}

),

goals as (

    select
        -- What nobody else knows is told all the same, as of an unknown account.
        coalesce(accounts.account_id, 'Unknown') as account_id,
        due.due_date,
        due.value_kind,
        due.target is not null and due.baseline is not null as is_measurable,
        coalesce(case
            when due.target >= due.baseline then due.achieved_value >= due.target
            else due.achieved_value <= due.target
        end, false) as is_reached,
        due.achieved_value is null as is_unstated,
        due.achieved_value is null
        and not {{ is_window_over('due.due_date', days_to_state, 'due.as_of_date') }} as is_open,
        cast(
            case when due.achieved_value is not null then due.amount * rates.rate end
            as numeric(24, 6)
        ) as amount,
        due.achieved_value is not null
        and due.amount is not null and rates.rate is null as is_unrated
    from due
    left join rates
        on
            due.currency_code = rates.currency_code
            and due.due_date = rates.rate_date
    left join {{ ref('dim_account') }} as accounts
        on due.account_id = accounts.account_id

),

counted as (

    {{ by_account_member('goals', 'due_date', {
        'due_goal_count': 'count(*) filter (where goals.is_measurable)',
        'reached_goal_count': 'count(*) filter (where goals.is_measurable and goals.is_reached)',
        'unstated_goal_count': 'count(*) filter (where goals.is_unstated)',
        'open_goal_count': 'count(*) filter (where goals.is_open)',
        'unrated_goal_count': 'count(*) filter (where goals.is_unrated)',
        'cost_savings': "sum(goals.amount) filter (where goals.value_kind = 'cost_saving')",
        'revenue_growth': "sum(goals.amount) filter (where goals.value_kind = 'revenue_growth')",
    }) }}

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
        {%- for name in [
            'due_goal_count', 'reached_goal_count', 'unstated_goal_count', 'open_goal_count',
            'unrated_goal_count',
        ] %}
        cast(counted.{{ name }} as bigint) as {{ name }},
        {%- endfor %}
        {{ pct('counted.reached_goal_count', 'counted.due_goal_count') }}
            as outcome_achievement_rate_pct,
        cast(counted.cost_savings as numeric(24, 6)) as cost_savings_attributed,
        cast(counted.revenue_growth as numeric(24, 6)) as revenue_growth_attributed
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
