-- Grain: one row per grain (week, month), period and member of each dimension of accounts
-- since the first sign-up.
{# Of a sign-up whose channel is not known nobody can say that it was referred: it is no base. #}
with periods as (

    {{ periods_of(['accounts']) }}

),

accounts as (

    select
        accounts.*,
        coalesce(channels.channel, 'Unknown') as channel
    from {{ ref('dim_account') }} as accounts
    left join {{ ref('int_account_channel') }} as channels
        on accounts.account_id = channels.account_id
    where accounts.signed_up_date is not null

),

expanded as (

    select
        grain_dimensions.grain,
        grain_dimensions.dimension,
        {{ dimension_value({
            'plan_tier': 'accounts.plan_tier',
            'segment': 'accounts.segment',
            'region': 'accounts.home_region',
            'channel': 'accounts.channel',
        }) }} as dimension_value,
        {{ period_of('accounts.signed_up_date', 'grain_dimensions.grain') }} as period_start,
        accounts.signed_up_date,
        accounts.channel
    from accounts
    cross join {{ ref('int_account_dimension') }} as grain_dimensions

),

members as (

    select
        grain,
        dimension,
        dimension_value,
        min(signed_up_date) as first_date
    from expanded
    group by grain, dimension, dimension_value

),

counted as (

    select
        expanded.grain,
        expanded.period_start,
        expanded.dimension,
        expanded.dimension_value,
        count(*) as signups,
        count(*) filter (where expanded.channel <> 'Unknown') as sourced_signups,
        count(*) filter (where expanded.channel = 'referral') as referred_signups
    from expanded
    inner join periods
        on
            {{ columns_equal('expanded', 'periods', ['grain', 'period_start']) }}
            and expanded.signed_up_date <= periods.observed_end
    group by
        expanded.grain, expanded.period_start, expanded.dimension, expanded.dimension_value

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
        cast(coalesce(counted.signups, 0) as bigint) as signups,
        {%- for column in ['sourced_signups', 'referred_signups'] %}
        cast({{ unless_never_delivered('counted.' ~ column, '0', 'crm_contacts') }} as bigint)
            as {{ column }},
        {%- endfor %}
        {{ pct('counted.referred_signups', 'counted.sourced_signups') }} as referral_rate_pct
    from periods
    inner join members
        on
            periods.grain = members.grain
            and periods.period_end >= members.first_date
    left join counted
        on
            {{ columns_equal('members', 'counted', ['grain', 'dimension', 'dimension_value']) }}
            and periods.period_start = counted.period_start
    cross join known_members

)

select * from final
