-- Grain: one row per grain (week, month), sign-up period and member of each account dimension with
-- an account that had not adopted `late_days` after its sign-up.
{#
  Do accounts recover that had not adopted by week 10, and more of them with a health check before
  then? Recovered: adopted by the end of the window (account_adoption); waiting while it is open.
#}
{%- set late_days = 70 %}
{%- set late_date = "cast(signed_up_date + interval '" ~ late_days ~ " day' as date)" %}
with periods as (

    {{ periods_of(['accounts', 'cs_activities'], daily='requests') }}

),

coverage as (

    select first_date from {{ ref('int_first_observed') }}
    where feed = 'requests'

),

known as (

    {{ known_as_of(['requests']) }}

),

late_accounts as (

    select
        adoption.*,
        {{ late_date }} as late_date
    from {{ ref('account_adoption') }} as adoption
    inner join coverage
        on adoption.signed_up_date >= coverage.first_date
    inner join known
        on {{ late_date }} <= known.as_of_date
    where adoption.adopted_date is null or adoption.adopted_date >= {{ late_date }}

),

checks as (

    select
        account_id,
        done_date
    from {{ ref('fct_cs_activities') }}
    where activity_type = 'health_check'

),

checked as (

    select distinct late_accounts.account_id
    from late_accounts
    inner join checks
        on
            late_accounts.account_id = checks.account_id
            and late_accounts.signed_up_date <= checks.done_date
            and late_accounts.late_date > checks.done_date

),

facts as (

    select
        late_accounts.account_id,
        late_accounts.signed_up_date,
        late_accounts.is_window_over,
        late_accounts.is_adopted,
        {{ unless_never_delivered(
            'checked.account_id is not null', 'false', 'customer_success_activities'
        ) }} as is_checked
    from late_accounts
    left join checked
        on late_accounts.account_id = checked.account_id

),

{%- set aggregates = {'waiting_accounts': 'count(*) filter (where not is_window_over)'} %}
{%- set groups = {'late': 'true', 'checked': 'is_checked', 'unchecked': 'not is_checked'} %}
{%- set columns = {
    'accounts': 'is_window_over', 'recovered': 'is_window_over and is_adopted',
} %}
{%- for name, condition in groups.items() %}
{%- for column, filter in columns.items() %}
{%- set counted = 'count(*) filter (where ' ~ filter ~ ' and ' ~ condition ~ ')' %}
{%- do aggregates.update({
    name ~ '_' ~ column: counted if name == 'late'
        else 'case when bool_or(is_checked is not null) then ' ~ counted ~ ' end',
}) %}
{%- endfor %}
{%- endfor %}

counted as (

    {{ by_account_member('facts', 'signed_up_date', aggregates) }}

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
        {%- for name in ['late', 'checked', 'unchecked'] %}
        cast(counted.{{ name }}_accounts as bigint) as {{ name }}_accounts,
        cast(counted.{{ name }}_recovered as bigint) as {{ name }}_recovered,
        {{ pct('counted.' ~ name ~ '_recovered', 'counted.' ~ name ~ '_accounts') }}
            as {{ name }}_recovery_pct,
        {%- endfor %}
        cast(counted.waiting_accounts as bigint) as waiting_accounts
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
