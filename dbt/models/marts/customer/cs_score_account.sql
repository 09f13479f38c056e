-- Grain: one row per account and ISO week since requests are observed, while the account is active.
{#
  Same formula as cs_score_summary, with the uptime of the account's home region. Where the CRM does
  not say whether the account was active, a contract in force, revenue or use says it.
#}
{%- set in_week = ' filter (where ticket_weeks.created_date >= spine.week_start)' %}
with weeks as (

    select * from (
        {{ periods_of(['accounts', 'tickets', 'incidents'], daily='requests') }}
    ) as periods
    where grain = 'week'

),

accounts as (select * from {{ ref('dim_account') }}),

history as (select * from {{ ref('int_account_history') }}),

usage_daily as (

    select
        account_id,
        usage_date,
        sum(request_count) as request_count,
        sum(error_count) as error_count
    from {{ ref('fct_usage_daily') }}
    group by account_id, usage_date

),

tickets as (

    select
        account_id,
        created_date,
        resolution_hours
    from {{ ref('fct_tickets') }}
    where not is_open

),

-- Each row beside the 6 weeks whose 30 days it can lie in, so that it meets them by equality.
{%- for name, rows, day in [
    ('usage_weeks', 'usage_daily', 'usage_date'), ('ticket_weeks', 'tickets', 'created_date'),
] %}
{{ name }} as (

    {{ on_dates(rows, 'week_start', period_of(day, "'week'"), 'day', range(0, 42, 7)) }}

),

{% endfor -%}
downtime as (select * from {{ ref('fct_downtime') }}),

spine as (

    select
        accounts.account_id,
        accounts.home_region,
        weeks.period_start as week_start,
        weeks.is_complete,
        weeks.observed_end,
        weeks.observed_end_at,
        weeks.observed_end_at - interval '30 day' as window_start_at,
        cast(weeks.observed_end - interval '29 day' as date) as window_start_date
    from weeks
    inner join accounts
        on weeks.observed_end >= accounts.signed_up_date
    left join history
        on
            accounts.account_id = history.account_id
            and weeks.observed_end_at > history.valid_from_at
            and weeks.observed_end_at <= history.valid_to_at
    left join {{ ref('int_account_sign_of_life') }} as life
        on
            accounts.account_id = life.account_id
            and weeks.observed_end >= life.from_date
            and weeks.observed_end <= life.to_date
    left join {{ ref('int_mrr_account_period') }} as contracts
        on
            accounts.account_id = contracts.account_id
            and weeks.grain = contracts.grain
            and weeks.period_start = contracts.period_start
    where
        coalesce(
            history.is_active, life.account_id is not null or coalesce(contracts.mrr > 0, false)
        )

),

errors as (

    select
        spine.account_id,
        spine.week_start,
        sum(usage_weeks.request_count) filter (where usage_weeks.usage_date >= spine.week_start)
            as week_requests,
        sum(usage_weeks.error_count) filter (where usage_weeks.usage_date >= spine.week_start)
            as week_errors,
        sum(usage_weeks.request_count) as window_requests,
        sum(usage_weeks.error_count) as window_errors
    from spine
    inner join usage_weeks
        on {{ columns_equal('spine', 'usage_weeks', ['account_id', 'week_start']) }}
    where
        usage_weeks.usage_date >= spine.window_start_date
        and usage_weeks.usage_date <= spine.observed_end
    group by spine.account_id, spine.week_start

),

resolutions as (

    select
        spine.account_id,
        spine.week_start,
        {{ ratio(
            'sum(ticket_weeks.resolution_hours)' ~ in_week, 'count(ticket_weeks.resolution_hours)' ~ in_week
        ) }} as week_resolution_hours,
        {{ ratio(
            'sum(ticket_weeks.resolution_hours)', 'count(ticket_weeks.resolution_hours)'
        ) }} as window_resolution_hours
    from spine
    inner join ticket_weeks
        on {{ columns_equal('spine', 'ticket_weeks', ['account_id', 'week_start']) }}
    where
        ticket_weeks.created_date >= spine.window_start_date
        and ticket_weeks.created_date <= spine.observed_end
    group by spine.account_id, spine.week_start

),

window_ends as (

    select distinct
        home_region,
        week_start,
        observed_end_at,
        window_start_at
    from spine

),

downtimes as (

    select
        window_ends.home_region,
        window_ends.week_start,
        sum(
            {{ seconds_between(
                greater('downtime.started_at', 'cast(window_ends.week_start as timestamp)'),
                lesser('downtime.ended_at', 'window_ends.observed_end_at')
            ) }}
        ) filter (where downtime.ended_at > cast(window_ends.week_start as timestamp)) / 60
            as week_downtime_minutes,
        sum(
            {{ seconds_between(
                greater('downtime.started_at', 'window_ends.window_start_at'),
                lesser('downtime.ended_at', 'window_ends.observed_end_at')
            ) }}
        ) / 60 as window_downtime_minutes
    from window_ends
    inner join downtime
        on
            window_ends.home_region = downtime.region
            and window_ends.observed_end_at > downtime.started_at
            and window_ends.window_start_at < downtime.ended_at
    group by window_ends.home_region, window_ends.week_start

),

components as (

    select
        spine.account_id,
        spine.week_start,
        spine.is_complete,
        {{ pct(
            unless_never_delivered(
                'downtimes.week_downtime_minutes', '0', 'platform_incidents'
            ),
            seconds_between('cast(spine.week_start as timestamp)', 'spine.observed_end_at') ~ ' / 60'
        ) }} as week_downtime_pct,
        {{ pct(
            unless_never_delivered(
                'downtimes.window_downtime_minutes', '0', 'platform_incidents'
            ),
            '30 * 24 * 60'
        ) }}
            as window_downtime_pct,
        {{ unless_never_delivered('resolutions.week_resolution_hours', '0', 'support_tickets') }}
            as week_resolution_hours,
        {{ unless_never_delivered('resolutions.window_resolution_hours', '0', 'support_tickets') }}
            as window_resolution_hours,
        coalesce({{ pct('errors.week_errors', 'errors.week_requests') }}, 0) as week_error_pct,
        coalesce({{ pct('errors.window_errors', 'errors.window_requests') }}, 0) as window_error_pct
    from spine
    left join errors
        on {{ columns_equal('spine', 'errors', ['account_id', 'week_start']) }}
    left join resolutions
        on {{ columns_equal('spine', 'resolutions', ['account_id', 'week_start']) }}
    left join downtimes
        on {{ columns_equal('spine', 'downtimes', ['home_region', 'week_start']) }}

),

final as (

    select
        account_id,
        week_start,
        is_complete,
        cast(
            0.4 * {{ greater('0', '100 - 10 * cast(week_downtime_pct as numeric(18, 6))') }}
            + 0.3 * {{ greater('0', '100 - cast(week_resolution_hours as numeric(18, 6))') }}
            + 0.3 * {{ greater('0', '100 - 5 * cast(week_error_pct as numeric(18, 6))') }}
            as numeric(18, 6)
        ) as cs_score,
        cast(
            0.4 * {{ greater('0', '100 - 10 * cast(window_downtime_pct as numeric(18, 6))') }}
            + 0.3 * {{ greater('0', '100 - cast(window_resolution_hours as numeric(18, 6))') }}
            + 0.3 * {{ greater('0', '100 - 5 * cast(window_error_pct as numeric(18, 6))') }}
            as numeric(18, 6)
        ) as cs_score_30_days
    from components

)

select * from final
