-- Grain: one row per grain (week, month), sign-up period and member of each dimension of accounts
-- with at least one sign-up.
{#
  account_adoption says who has adopted. A cohort is final once its youngest possible member is older
  than the window; before that the rate can only rise. An account is activated when a request of it
  succeeds within 14 days, which a cohort's rate says once it is that old.
#}
{%- set activation_days = 14 %}
with as_of as (select * from {{ ref('int_as_of') }}),

-- Cohorts older than the observed usage cannot be judged.
periods as (

    {{ periods_of(['accounts'], daily='requests') }}

),

accounts as (

    select
        accounts.*,
        coalesce(channels.channel, 'Unknown') as channel
    from {{ ref('dim_account') }} as accounts
    left join {{ ref('int_account_channel') }} as channels
        on accounts.account_id = channels.account_id

),

adoption as (select * from {{ ref('account_adoption') }}),

reach as (

    {{ reach_of(['requests']) }}

),

known_members as (

    {{ members_reach() }}

),

members as (

    select
        periods.grain,
        periods.period_start,
        grain_dimensions.dimension,
        {{ dimension_value({
            'plan_tier': 'accounts.plan_tier',
            'segment': 'accounts.segment',
            'region': 'accounts.home_region',
            'channel': 'accounts.channel',
        }) }} as dimension_value,
        {{ is_over_and_known('grain_dimensions') }} as is_complete,
        {{ is_over_and_known('grain_dimensions') }}
        and {{ is_window_over(
            'periods.period_end', var('adoption_window_days'), 'as_of.as_of_date'
        ) }}
        and {{ is_window_over(
            'periods.period_end', var('adoption_window_days'), 'reach.last_date'
        ) }} as is_final,
        adoption.is_adopted,
        coalesce(
            adoption.first_success_at
            < accounts.signed_up_date + interval '{{ activation_days }} day',
            false
        ) as is_activated
    from accounts
    inner join adoption
        on accounts.account_id = adoption.account_id
    inner join periods
        on
            accounts.signed_up_date >= periods.period_start
            and accounts.signed_up_date <= periods.observed_end
    inner join {{ ref('int_account_dimension') }} as grain_dimensions
        on periods.grain = grain_dimensions.grain
    cross join as_of
    cross join known_members
    cross join reach

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        is_final,
        cast(count(*) as bigint) as cohort_accounts,
        cast(count(*) filter (where is_adopted) as bigint) as adopted_accounts,
        {{ pct('count(*) filter (where is_adopted)', 'count(*)') }} as adoption_rate_pct,
        cast(count(*) filter (where is_activated) as bigint) as activated_accounts,
        {{ pct('count(*) filter (where is_activated)', 'count(*)') }} as activation_rate_pct
    from members
    group by grain, period_start, dimension, dimension_value, is_complete, is_final

)

select * from final
