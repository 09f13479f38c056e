-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account that uses the platform, since members of accounts are known.
{#
  A team is active at the end of a period when one of its members has logged in by then and is not
  removed. An account counts when it used tokens in the period; one without a team has none.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

periods as (

    {{ periods_of(['members'], daily='requests') }}

),

versions as (

    select
        members.*,
        row_number() over (
            partition by members.account_id, members.product_user_id
            order by members.updated_at desc nulls last
        ) as version_rank
    from {{ ref('stg_account_members') }} as members
    inner join as_of
        on members.updated_at < as_of.as_of_end_at

),

members as (

    select * from versions
    where
        version_rank = 1
        and activated_at is not null

),

observed as (

    select min(activated_at) as first_at from members

),

accounts as (

    select
        accounts.grain,
        accounts.period_start,
        accounts.dimension,
        accounts.dimension_value,
        accounts.account_id,
        periods.is_complete,
        periods.observed_end_at
    from {{ ref('fct_account_period_dimension') }} as accounts
    inner join periods
        on {{ columns_equal('accounts', 'periods', ['grain', 'period_start']) }}
    inner join observed
        on periods.observed_end_at > observed.first_at
    where
        accounts.dimension <> 'product'
        and accounts.total_tokens > 0

),

teams as (

    select
        accounts.grain,
        accounts.period_start,
        accounts.account_id,
        count(*) as member_count,
        count(distinct members.team) as team_count
    from accounts
    inner join members
        on
            accounts.account_id = members.account_id
            and accounts.observed_end_at > members.activated_at
            and accounts.observed_end_at
            <= coalesce(members.removed_at, cast('9999-12-31' as timestamp))
    where accounts.dimension = 'all'
    group by accounts.grain, accounts.period_start, accounts.account_id

),

counted as (

    select
        accounts.grain,
        accounts.period_start,
        accounts.dimension,
        accounts.dimension_value,
        accounts.is_complete,
        count(*) as account_count,
        coalesce(sum(teams.member_count), 0) as member_count,
        coalesce(sum(teams.team_count), 0) as team_count,
        count(*) filter (where teams.team_count >= 2) as cross_team_account_count
    from accounts
    left join teams
        on {{ columns_equal('accounts', 'teams', ['grain', 'period_start', 'account_id']) }}
    group by
        accounts.grain, accounts.period_start, accounts.dimension, accounts.dimension_value,
        accounts.is_complete

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
        counted.is_complete
        and {{ knows_members('counted.dimension', 'counted.grain', 'counted.period_start') }}
            as is_complete,
        cast(counted.account_count as bigint) as account_count,
        cast(counted.member_count as bigint) as member_count,
        cast(counted.team_count as bigint) as team_count,
        cast(counted.cross_team_account_count as bigint) as cross_team_account_count,
        {{ ratio('counted.team_count', 'counted.account_count') }} as teams_per_account,
        {{ pct('counted.cross_team_account_count', 'counted.account_count') }}
            as cross_team_adoption_rate_pct
    from counted
    cross join known_members

)

select * from final
