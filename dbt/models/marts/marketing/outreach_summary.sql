-- Grain: one row per grain (week, month), period and member of each account dimension with an
-- outreach of sales.
{#
  An outreach is a call or an e-mail; a meeting is what comes of one. Where the source never tells when
  the other side answered, nobody can say that it did not.
#}
{%- set response_days = 14 %}
with periods as (

    {{ periods_of(['sales_activities']) }}

),

as_of as (select * from {{ ref('int_as_of') }}),

activities as (

    select activities.*
    from {{ ref('stg_sales_activities') }} as activities
    inner join as_of
        on activities.done_at < as_of.as_of_end_at
    where activities.kind in ('call', 'email')

),

outreach as (

    select
        activities.done_date,
        coalesce(accounts.account_id, 'Unknown') as account_id,
        coalesce(
            activities.responded_at >= activities.done_at
            and activities.responded_at < as_of.as_of_end_at
            and activities.responded_at
            < activities.done_at + interval '{{ response_days }} day',
            false
        ) as is_answered
    from activities
    cross join as_of
    left join {{ ref('int_contact_current') }} as contacts
        on activities.crm_contact_id = contacts.crm_contact_id
    left join {{ ref('fct_deals') }} as deals
        on activities.deal_id = deals.deal_id
    left join {{ ref('dim_account') }} as accounts
        on
            coalesce(activities.account_id, contacts.account_id, deals.account_id)
            = accounts.account_id

),

answers as (

    select count(*) > 0 as are_told
    from {{ ref('stg_sales_activities') }}
    where responded_at is not null

),

counted as (

    {{ by_account_member('outreach', 'done_date', {
        'outreach_count': 'count(*)',
        'answered_count': 'count(*) filter (where outreach.is_answered)',
    }) }}

),

known as (

    select
        counted.*,
        case when answers.are_told then counted.answered_count end as known_answered_count
    from counted
    cross join answers

),

known_members as (

    {{ members_reach() }}

),

final as (

    select
        periods.grain,
        periods.period_start,
        known.dimension,
        known.dimension_value,
        {{ is_over_and_known('known') }} as is_complete,
        cast(known.outreach_count as bigint) as outreach_count,
        cast(known.known_answered_count as bigint) as answered_count,
        {{ pct('known.known_answered_count', 'known.outreach_count') }} as response_rate_pct
    from known
    inner join periods
        on {{ columns_equal('known', 'periods', ['grain', 'period_start']) }}
    cross join known_members

)

select * from final
