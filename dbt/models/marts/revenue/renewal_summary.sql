-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- annual contract due.
{#
  Due: an annual contract in force at the beginning of the day before its renewal, as its newest terms
  by then state it, or an anniversary of it or of the start. Renewed: it is still in force `grace_days`
  after the date, or another contract of the account that began within as many days of it is; waiting
  while these days are not over. Contracts are those that MRR is made of, so one about whose renewal
  the source is silent goes on. Renewed MRR is at most what was due.
#}
{%- set grace_days = 30 %}
{%- set states = ['renewed', 'lost', 'waiting'] %}
with periods as (

    {{ periods_of(['subscriptions']) }}

),

known as (

    {{ known_as_of(['subscriptions']) }}

),

contracts as (

    select
        *,
        min(in_force_from_at) over (partition by subscription_id) as began_at
    from {{ ref('int_contract_history') }}
    where
        is_paying
        and in_force_from_at < in_force_to_at

),

years as (

    select distinct cast(extract(year from date_day) as integer) as year_number
    from {{ ref('int_day') }}

),

anniversaries as (

    select
        contracts.subscription_id,
        contracts.account_id,
        contracts.mrr,
        contracts.in_force_from_at,
        contracts.in_force_to_at,
        coalesce(contracts.renews_at > contracts.started_at, false) as is_stated,
        cast(
            case
                when contracts.renews_at > contracts.started_at then contracts.renews_at
                else contracts.started_at
            end as date
        ) as anchor_date,
        years.year_number
    from contracts
    cross join years
    where contracts.plan_type = 'annual'

),

dated as (

    select
        *,
        cast(
            anchor_date
            + 12 * (year_number - cast(extract(year from anchor_date) as integer))
            * interval '1 month' as date
        ) as due_date
    from anniversaries

),

dues as (

    select
        dated.*,
        cast(dated.due_date + interval '{{ grace_days + 1 }} day' as timestamp) as judged_at,
        {{ is_window_over('dated.due_date', grace_days, 'known.as_of_date') }} as is_over
    from dated
    cross join known
    where
        (
            dated.due_date > dated.anchor_date
            or (dated.is_stated and dated.due_date = dated.anchor_date)
        )
        and dated.due_date <= known.as_of_date
        and dated.in_force_from_at < cast(dated.due_date - interval '1 day' as timestamp)
        and dated.in_force_to_at >= cast(dated.due_date - interval '1 day' as timestamp)

),

followed as (

    select
        dues.subscription_id,
        dues.due_date,
        dues.account_id,
        dues.mrr,
        dues.is_over,
        sum(later.mrr) as later_mrr
    from dues
    left join contracts as later
        on
            dues.account_id = later.account_id
            and dues.judged_at > later.in_force_from_at
            and dues.judged_at <= later.in_force_to_at
            and (
                dues.subscription_id = later.subscription_id
                or later.began_at
                >= cast(dues.due_date - interval '{{ grace_days }} day' as timestamp)
            )
    group by dues.subscription_id, dues.due_date, dues.account_id, dues.mrr, dues.is_over

),

facts as (

    select
        *,
        case
            when not is_over then 'waiting'
            when later_mrr > 0 then 'renewed'
            else 'lost'
        end as state,
        {{ lesser('mrr', 'coalesce(later_mrr, 0)') }} as renewed_mrr
    from followed

),

{%- set aggregates = {
    'due_mrr': 'sum(facts.mrr) filter (where facts.is_over)',
    'renewed_mrr': 'sum(facts.renewed_mrr) filter (where facts.is_over)',
} %}
{%- for state in states %}
{%- do aggregates.update({state: "count(*) filter (where facts.state = '" ~ state ~ "')"}) %}
{%- endfor %}

counted as (

    {{ by_account_member('facts', 'due_date', aggregates) }}

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
        {%- for state in states %}
        cast(counted.{{ state }} as bigint) as {{ state }}_contracts,
        {%- endfor %}
        {{ pct('counted.renewed', 'counted.renewed + counted.lost') }} as renewal_rate_pct,
        cast(counted.due_mrr as numeric(24, 6)) as due_mrr,
        cast(counted.renewed_mrr as numeric(24, 6)) as renewed_mrr,
        {{ pct('counted.renewed_mrr', 'counted.due_mrr') }} as renewed_mrr_pct
    from counted
    inner join periods
        on {{ columns_equal('counted', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
