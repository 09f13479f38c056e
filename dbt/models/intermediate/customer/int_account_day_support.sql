-- Grain: one row per account and day of int_account_day.
{#
  Every count stands on instants: when a ticket came, was escalated, ran past its target, was
  resolved. What happened later does not exist at the end of the day. Before the first ticket that
  was ever delivered nothing is counted. A day that the feed of tickets does not reach shows the last
  day that it does, for 6 days; answers of 90 days are a mean, which a late feed does not lower.
#}
{%- set is_unsure = 'states.sla_target_hours is not null and states.sla_seconds is null' %}
{%- set sure_day = "cast(states.resolved_at + interval '30 day' as date)" %}
with account_days as (select * from {{ ref('int_account_day') }}),

bounds as (

    select min(day_date) as first_day from account_days

),

tickets as (

    select
        ticket.account_id,
        ticket.created_date,
        cast(states.resolved_at as date) as resolved_date,
        case
            when ticket.escalated_at < states.resolved_at or states.resolved_at is null
                then cast(ticket.escalated_at as date)
        end as escalated_date,
        -- Resolved, or told to be something else since it was last told to be escalated.
        case
            when
                ticket.escalated_at < states.resolved_at
                or (states.resolved_at is null and ticket.escalated_at is not null)
                then
                    cast({{ lesser_known('states.resolved_at', 'ticket.deescalated_at') }} as date)
        end as calmed_date,
        case
            when deadlines.due_at < states.resolved_at or states.resolved_at is null
                then cast(deadlines.due_at as date)
        end as breached_date,
        -- Hours that nobody stated: whether its promise was broken is not known.
        case when {{ is_unsure }} then ticket.created_date end as unsure_date,
        case when {{ is_unsure }} then {{ sure_day }} end as sure_date,
        case when not coalesce(states.is_told_later, false) then ticket.csat end as csat
    from {{ ref('stg_tickets') }} as ticket
    inner join {{ ref('int_ticket_state') }} as states
        on ticket.ticket_id = states.ticket_id
    left join {{ ref('int_ticket_deadline') }} as deadlines
        on ticket.ticket_id = deadlines.ticket_id

),

first_tickets as (

    select min(created_date) as first_created_date from tickets

),

surveys as (select * from {{ ref('stg_survey_responses') }}),

happenings as (

    {%- for what in ['created', 'resolved', 'escalated', 'calmed', 'breached', 'unsure', 'sure'] %}

    select
        account_id,
        {{ what }}_date as happened_on,
        '{{ what }}' as what,
        cast(null as numeric(24, 6)) as score
    from tickets
    where {{ what }}_date is not null

    union all
    {%- endfor %}

    -- A rating is given at the resolution.
    select
        account_id,
        resolved_date as happened_on,
        'csat' as what,
        csat as score
    from tickets
    where
        resolved_date is not null
        and csat is not null

    union all

    select
        account_id,
        answered_date as happened_on,
        survey_type as what,
        score
    from surveys
    where survey_type in ('csat', 'nps')

),

-- From which day on somebody was asked; an answer that no source delivers is no silence.
first_answers as (

    select
        min(happened_on) filter (where what = 'csat') as first_rating_date,
        min(happened_on) filter (where what = 'nps') as first_nps_date
    from happenings

),

reaches as (

    select
        {%- set never = "cast('9999-12-31' as date)" %}
        coalesce(min(last_date) filter (where feed = 'tickets'), {{ never }}) as tickets_date,
        coalesce(min(last_date) filter (where feed = 'surveys'), {{ never }}) as surveys_date,
        coalesce(max(last_date), {{ never }}) as ratings_date
    from {{ ref('int_feed_clock') }}
    where feed in ('tickets', 'surveys')

),

-- What came before the first day is a stock on it; windows never reach back that far.
daily as (

    select
        happenings.account_id,
        {{ greater('happenings.happened_on', 'bounds.first_day') }} as happened_on,
        count(*) filter (where happenings.what = 'created')
        - count(*) filter (where happenings.what = 'resolved') as open_change,
        count(*) filter (where happenings.what = 'escalated')
        - count(*) filter (where happenings.what = 'calmed') as escalated_change,
        count(*) filter (where happenings.what = 'escalated') as escalations,
        count(*) filter (where happenings.what = 'breached') as breaches,
        sum(case happenings.what when 'unsure' then 1 when 'sure' then -1 end) as unsure_change,
        sum(happenings.score) filter (where happenings.what = 'csat') as rating_sum,
        count(*) filter (where happenings.what = 'csat') as ratings,
        sum(happenings.score) filter (where happenings.what = 'nps') as nps_sum,
        count(*) filter (where happenings.what = 'nps') as nps_answers
    from happenings
    cross join bounds
    group by 1, 2

),

windowed as (

    select
        account_days.account_id,
        account_days.day_date,
        {{ days_between(
            greater_known('first_tickets.first_created_date', 'account_days.signed_up_date'),
            'account_days.day_date'
        ) }} + 1 as observed_days,
        first_tickets.first_created_date <= account_days.day_date as is_delivered,
        coalesce(
            first_answers.first_rating_date <= account_days.day_date
            and {{ days_between('reaches.ratings_date', 'account_days.day_date') }} < 90,
            false
        ) as is_rating_asked,
        coalesce(
            first_answers.first_nps_date <= account_days.day_date
            and {{ days_between('reaches.surveys_date', 'account_days.day_date') }} < 90,
            false
        ) as is_nps_asked,
        sum(daily.open_change) over so_far as open_tickets,
        sum(daily.escalated_change) over so_far as escalated_tickets,
        sum(daily.escalations) over last_30_days as escalations_30d,
        sum(daily.breaches) over last_30_days as sla_breaches_30d,
        sum(daily.unsure_change) over so_far as unsure_tickets,
        sum(daily.rating_sum) over last_90_days as rating_sum_90d,
        sum(daily.ratings) over last_90_days as ratings_90d,
        sum(daily.nps_sum) over last_90_days as nps_sum_90d,
        sum(daily.nps_answers) over last_90_days as nps_answers_90d
    from account_days
    cross join first_tickets
    cross join first_answers
    cross join reaches
    left join daily
        on
            account_days.account_id = daily.account_id
            and account_days.day_date = daily.happened_on
    window
        so_far as (
            partition by account_days.account_id order by account_days.day_date nulls last
            rows between unbounded preceding and current row
        ),
        last_30_days as (
            partition by account_days.account_id order by account_days.day_date nulls last
            rows between 29 preceding and current row
        ),
        last_90_days as (
            partition by account_days.account_id order by account_days.day_date nulls last
            rows between 89 preceding and current row
        )

),

known as (

    select
        windowed.account_id,
        windowed.day_date,
        windowed.is_rating_asked,
        windowed.is_nps_asked,
        windowed.rating_sum_90d,
        windowed.ratings_90d,
        windowed.nps_sum_90d,
        windowed.nps_answers_90d,
        reached.observed_days,
        reached.open_tickets,
        reached.escalated_tickets,
        reached.escalations_30d,
        reached.sla_breaches_30d,
        reached.unsure_tickets,
        reached.is_delivered
        and {{ days_between('reaches.tickets_date', 'windowed.day_date') }} <= 6 as is_delivered
    from windowed
    cross join reaches
    left join windowed as reached
        on
            windowed.account_id = reached.account_id
            and {{ lesser('windowed.day_date', 'reaches.tickets_date') }} = reached.day_date

),

final as (

    select
        account_id,
        day_date,
        coalesce(is_delivered and observed_days >= {{ setting('health_min_observed_days') }}, false)
            as is_measured,
        is_rating_asked,
        is_nps_asked,
        {%- for name in ['open_tickets', 'escalated_tickets', 'escalations_30d'] %}
        cast(case when is_delivered then coalesce({{ name }}, 0) end as bigint) as {{ name }},
        {%- endfor %}
        -- Where nothing is promised, or by unknown hours, no promise is known to be broken or kept.
        cast(
            case
                when {{ is_delivered('sla_targets') }} and coalesce(unsure_tickets, 0) = 0
                    then case when is_delivered then coalesce(sla_breaches_30d, 0) end
            end as bigint
        ) as sla_breaches_30d,
        cast(case when is_rating_asked then coalesce(ratings_90d, 0) end as bigint) as ratings_90d,
        {{ ratio('rating_sum_90d', 'ratings_90d') }} as mean_rating_90d,
        {{ ratio('nps_sum_90d', 'nps_answers_90d') }} as mean_nps_90d
    from known

)

select * from final
