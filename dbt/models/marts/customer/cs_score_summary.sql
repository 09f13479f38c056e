-- Grain: one row per grain (week, month), period and member of each account dimension since
-- requests are observed.
{#
  cs_score = 0.4 uptime score + 0.3 ticket score + 0.3 error score, each 0 to 100:
  uptime 100 - 10 x downtime %, tickets 100 - mean hours to resolution, errors 100 - 5 x error %.
  A component without data in the period is 100; where its source was never delivered the component
  is unknown, and with it the score. Uptime is that of the region for the dimension region, and of
  the platform (any region down) elsewhere. Final once no ticket of the period and no incident
  that counts as downtime in it is open.
#}
{%- set measures = [
    'request_count', 'error_count', 'resolved_ticket_count', 'resolution_hours', 'survey_count',
    'survey_score',
] %}
with periods as (

    {{ periods_of(['tickets', 'incidents'], daily='requests') }}

),

-- Surveys have a clock of their own.
surveyed as (

    {{ periods_of(['surveys']) }}

),

accounts as (

    select
        account_id,
        plan_tier,
        segment,
        home_region as region
    from {{ ref('dim_account') }}

),

daily as (

    select
        account_id,
        usage_date as activity_date,
        request_count,
        error_count,
        cast(0 as bigint) as resolved_ticket_count,
        cast(0 as numeric(18, 6)) as resolution_hours,
        cast(0 as bigint) as survey_count,
        cast(0 as numeric(18, 6)) as survey_score
    from {{ ref('fct_usage_daily') }}

    union all

    select
        account_id,
        created_date as activity_date,
        0 as request_count,
        0 as error_count,
        1 as resolved_ticket_count,
        resolution_hours,
        0 as survey_count,
        0 as survey_score
    from {{ ref('fct_tickets') }}
    where not is_open

    union all

    select
        account_id,
        answered_date as activity_date,
        0 as request_count,
        0 as error_count,
        0 as resolved_ticket_count,
        0 as resolution_hours,
        1 as survey_count,
        score_100 as survey_score
    from {{ ref('fct_survey_responses') }}
    where survey_type = 'csat'

),

dated as (

    {{ by_grain('daily', 'activity_date') }}

),

account_periods as (

    select
        grain,
        period_start,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        account_id
    from dated
    group by grain, period_start, account_id

),

components as (

    select
        account_periods.grain,
        account_periods.period_start,
        grain_dimensions.dimension,
        {%- for measure in measures %}
        sum(account_periods.{{ measure }}) as {{ measure }},
        {%- endfor %}
        {{ account_dimension_value('accounts', region='region') }} as dimension_value
    from account_periods
    inner join periods
        on {{ columns_equal('account_periods', 'periods', ['grain', 'period_start']) }}
    inner join accounts
        on account_periods.account_id = accounts.account_id
    inner join {{ ref('int_grain_dimension') }} as grain_dimensions
        on
            account_periods.grain = grain_dimensions.grain
            and grain_dimensions.dimension <> 'product'
    group by
        account_periods.grain, account_periods.period_start, grain_dimensions.dimension,
        {{ account_dimension_value('accounts', region='region') }}

),

members as (

    select distinct
        grain,
        dimension,
        dimension_value
    from components

),

known_members as (

    {{ members_reach() }}

),

spine as (

    select
        periods.grain,
        periods.period_start,
        members.dimension,
        members.dimension_value,
        case when members.dimension = 'region' then members.dimension_value else 'all' end
            as uptime_region,
        {{ is_over_and_known('members') }} as is_complete,
        surveyed.is_complete
        and {{ knows_members('members.dimension', 'periods.grain', 'periods.period_start') }}
            as is_survey_complete
    from periods
    inner join surveyed
        on {{ columns_equal('periods', 'surveyed', ['grain', 'period_start']) }}
    inner join members
        on periods.grain = members.grain
    cross join known_members

),

uptime as (select * from {{ ref('fct_downtime_period') }}),

tickets as (select * from {{ ref('ticket_summary') }}),

measured as (

    select
        spine.grain,
        spine.period_start,
        spine.dimension,
        spine.dimension_value,
        spine.is_complete,
        {{ unless_never_delivered('tickets.open_ticket_count', '0', 'support_tickets') }}
            as open_ticket_count,
        {{ unless_never_delivered('uptime.open_downtime_count', '0', 'platform_incidents') }}
            as open_incident_count,
        spine.is_survey_complete,
        {{ unless_never_delivered(
            pct('uptime.downtime_minutes', 'uptime.period_minutes'), '0', 'platform_incidents'
        ) }} as downtime_pct,
        {{ unless_never_delivered(
            ratio('components.resolution_hours', 'components.resolved_ticket_count'),
            '0', 'support_tickets'
        ) }} as resolution_hours,
        coalesce({{ pct('components.error_count', 'components.request_count') }}, 0) as error_pct,
        {{ unless_never_delivered('components.survey_count', '0', 'csat_responses') }}
            as survey_count,
        {{ ratio('components.survey_score', 'components.survey_count') }} as csat_response_score
    from spine
    left join components
        on {{ columns_equal('spine', 'components', [
            'grain', 'period_start', 'dimension', 'dimension_value',
        ]) }}
    left join uptime
        on
            spine.grain = uptime.grain
            and spine.period_start = uptime.period_start
            and spine.uptime_region = uptime.region
    left join tickets
        on {{ columns_equal('spine', 'tickets', [
            'grain', 'period_start', 'dimension', 'dimension_value',
        ]) }}

),

scored as (

    select
        *,
        {{ greater('0', '100 - 10 * cast(downtime_pct as numeric(18, 6))') }} as uptime_score,
        {{ greater('0', '100 - cast(resolution_hours as numeric(18, 6))') }} as ticket_score,
        {{ greater('0', '100 - 5 * cast(error_pct as numeric(18, 6))') }} as error_score
    from measured

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        is_complete
        and coalesce(open_ticket_count, 0) + coalesce(open_incident_count, 0) = 0 as is_final,
        open_ticket_count,
        open_incident_count,
        is_survey_complete,
        cast(uptime_score as numeric(18, 6)) as uptime_score,
        cast(ticket_score as numeric(18, 6)) as ticket_score,
        cast(error_score as numeric(18, 6)) as error_score,
        cast(0.4 * uptime_score + 0.3 * ticket_score + 0.3 * error_score as numeric(18, 6))
            as cs_score,
        cast(survey_count as bigint) as survey_count,
        csat_response_score
    from scored

)

select * from final
