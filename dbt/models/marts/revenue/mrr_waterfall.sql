-- Grain: one row per grain (week, month), period and member of each account dimension since the
-- first paid contract.
{# opening + new + reactivation + expansion - contraction - churn = closing, in every row. #}
with periods as (

    {{ periods_of(['subscriptions']) }}

),

account_periods as (

    select
        mrr.grain,
        mrr.period_start,
        grain_dimensions.dimension,
        {{ account_dimension_value('accounts') }} as dimension_value,
        mrr.mrr,
        mrr.previous_mrr,
        mrr.movement
    from {{ ref('int_mrr_account_period') }} as mrr
    inner join {{ ref('dim_account') }} as accounts
        on mrr.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            mrr.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'

),

members as (

    select
        grain,
        dimension,
        dimension_value,
        min(period_start) as first_period_start
    from account_periods
    group by grain, dimension, dimension_value

),

movements as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        sum(previous_mrr) as opening_mrr,
        sum(mrr) filter (where movement = 'new') as new_mrr,
        sum(mrr) filter (where movement = 'reactivation') as reactivation_mrr,
        sum(mrr - previous_mrr) filter (where movement = 'expansion') as expansion_mrr,
        sum(previous_mrr - mrr) filter (where movement = 'contraction') as contraction_mrr,
        sum(previous_mrr) filter (where movement = 'churn') as churn_mrr,
        sum(mrr) as closing_mrr,
        count(*) filter (where previous_mrr > 0) as opening_accounts,
        count(*) filter (where movement = 'new') as new_accounts,
        count(*) filter (where movement = 'reactivation') as reactivated_accounts,
        count(*) filter (where movement = 'churn') as churned_accounts,
        count(*) filter (where mrr > 0) as closing_accounts
    from account_periods
    group by grain, period_start, dimension, dimension_value

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        members.dimension,
        members.dimension_value,
        {{ is_over_and_known('members') }} as is_complete,
        {%- for amount in [
            'opening_mrr', 'new_mrr', 'reactivation_mrr', 'expansion_mrr', 'contraction_mrr',
            'churn_mrr', 'closing_mrr'
        ] %}
        cast(coalesce(movements.{{ amount }}, 0) as numeric(24, 6)) as {{ amount }},
        {%- endfor %}
        {%- for count in [
            'opening_accounts', 'new_accounts', 'reactivated_accounts', 'churned_accounts',
            'closing_accounts'
        ] %}
        cast(coalesce(movements.{{ count }}, 0) as bigint) as {{ count }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from periods
    inner join members
        on
            periods.grain = members.grain
            and periods.period_start >= members.first_period_start
    left join movements
        on
            periods.grain = movements.grain
            and periods.period_start = movements.period_start
            and members.dimension = movements.dimension
            and members.dimension_value = movements.dimension_value
    cross join known_members

)

select * from final
