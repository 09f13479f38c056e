-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- account that uses the platform, from a quarter after the first application on.
{#
  A quarter is the 91 days to the end of the period. A use case is new when the account never had an
  application for it before. Workflows are compared with those live a quarter ago, in accounts that
  had one then: the first workflow of an account is no expansion.
#}
{%- set quarter_days = 91 %}
with as_of as (select * from {{ ref('int_as_of') }}),

periods as (

    select
        *,
        cast(period_start as timestamp) as period_start_at,
        cast(observed_end_at - interval '{{ quarter_days }} day' as timestamp) as opening_at
    from ({{ periods_of(['applications'], daily='requests') }}) as periods

),

versions as (

    select
        applications.*,
        row_number() over (
            partition by applications.application_id
            order by applications.updated_at desc nulls last
        ) as version_rank
    from {{ ref('stg_platform_applications') }} as applications
    inner join as_of
        on applications.updated_at < as_of.as_of_end_at

),

applications as (

    select
        *,
        row_number() over (
            partition by account_id, use_case
            order by created_at nulls last, application_id nulls last
        ) as use_case_rank
    from versions
    where version_rank = 1

),

observed as (

    select min(created_at) as first_at from applications

),

accounts as (

    select
        accounts.grain,
        accounts.period_start,
        accounts.dimension,
        accounts.dimension_value,
        accounts.account_id,
        periods.is_complete,
        periods.period_start_at,
        periods.observed_end_at,
        periods.opening_at
    from {{ ref('fct_account_period_dimension') }} as accounts
    inner join periods
        on {{ columns_equal('accounts', 'periods', ['grain', 'period_start']) }}
    inner join observed
        on periods.opening_at >= observed.first_at
    where
        accounts.dimension <> 'product'
        and accounts.total_tokens > 0

),

built as (

    select
        accounts.grain,
        accounts.period_start,
        accounts.account_id,
        {%- for name, instant in [
            ('opening', 'accounts.opening_at'), ('closing', 'accounts.observed_end_at'),
        ] %}
        count(distinct applications.workflow) filter (
            where
            applications.created_at < {{ instant }}
            and (applications.archived_at is null or applications.archived_at >= {{ instant }})
        ) as {{ name }}_workflow_count,
        {%- endfor %}
        count(*) filter (
            where applications.created_at >= accounts.period_start_at
        ) as built_application_count,
        count(*) filter (
            where
            applications.created_at >= accounts.opening_at
            and applications.use_case is not null
            and applications.use_case_rank = 1
        ) as new_use_case_count
    from accounts
    inner join applications
        on
            accounts.account_id = applications.account_id
            and accounts.observed_end_at > applications.created_at
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
        coalesce(sum(built.built_application_count), 0) as built_application_count,
        coalesce(sum(built.new_use_case_count), 0) as new_use_case_count,
        count(*) filter (where built.opening_workflow_count > 0) as workflow_account_count,
        count(*) filter (
            where
            built.opening_workflow_count > 0
            and built.closing_workflow_count > built.opening_workflow_count
        ) as expanded_account_count
    from accounts
    left join built
        on {{ columns_equal('accounts', 'built', ['grain', 'period_start', 'account_id']) }}
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
        {%- for name in [
            'account_count', 'built_application_count', 'new_use_case_count',
            'workflow_account_count', 'expanded_account_count',
        ] %}
        cast(counted.{{ name }} as bigint) as {{ name }},
        {%- endfor %}
        {{ ratio('counted.new_use_case_count', 'counted.account_count') }}
            as new_use_cases_per_account,
        {{ pct('counted.expanded_account_count', 'counted.workflow_account_count') }}
            as workflow_expansion_rate_pct,
        {{ pct('counted.built_application_count', 'counted.account_count') }}
            as application_build_rate_pct
    from counted
    cross join known_members

)

select * from final
