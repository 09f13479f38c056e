-- Grain: one row per account and complete ISO week in which requests are observed and the account
-- was active, or ended its last contract.
with weeks as (

    select * from ({{ periods_of(
            ['accounts', 'incidents', 'revenue', 'subscriptions', 'tickets'], daily='requests'
        ) }}) as periods
    where
        grain = 'week'
        and is_complete

),

scores as (select * from {{ ref('cs_score_account') }}),

mrr as (

    select * from {{ ref('int_mrr_account_period') }}
    where grain = 'week'

),

spine as (

    select
        scores.account_id,
        weeks.period_start as week_start
    from scores
    inner join weeks
        on scores.week_start = weeks.period_start

    union

    select
        mrr.account_id,
        weeks.period_start as week_start
    from mrr
    inner join weeks
        on mrr.period_start = weeks.period_start
    where mrr.movement = 'churn'

),

usage as (

    select
        account_id,
        {{ period_of('usage_date', "'week'") }} as week_start,
        sum(request_count) as request_count,
        sum(error_count) as error_count,
        sum(throttled_count) as throttled_count,
        sum(latency_ms_sum) as latency_ms_sum,
        sum(latency_count) as latency_count,
        sum(total_tokens) as total_tokens
    from {{ ref('fct_usage_daily') }}
    group by 1, 2

),

revenue as (

    select
        account_id,
        {{ period_of('revenue_date', "'week'") }} as week_start,
        sum(net_revenue) as net_revenue
    from {{ ref('fct_revenue_daily') }}
    group by 1, 2

),

tickets as (

    select
        account_id,
        {{ period_of('created_date', "'week'") }} as week_start,
        count(*) as ticket_count,
        count(*) filter (where is_open) as open_ticket_count
    from {{ ref('fct_tickets') }}
    group by 1, 2

),

surveys as (

    select
        account_id,
        {{ period_of('answered_date', "'week'") }} as week_start,
        {{ ratio('sum(score_100)', 'count(score_100)') }} as csat_response_score
    from {{ ref('fct_survey_responses') }}
    where survey_type = 'csat'
    group by 1, 2

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['spine.account_id', 'spine.week_start']) }}
            as account_week_key,
        spine.account_id,
        spine.week_start,
        cast(coalesce(usage.request_count, 0) as bigint) as request_count,
        {{ pct('usage.error_count', 'usage.request_count') }} as error_rate_pct,
        {{ pct('usage.throttled_count', 'usage.request_count') }} as throttle_rate_pct,
        {{ ratio('usage.latency_ms_sum', 'usage.latency_count') }} as mean_latency_ms,
        cast(
            {{ unless_never_delivered('tickets.ticket_count', '0', 'support_tickets') }} as bigint
        ) as ticket_count,
        cast(surveys.csat_response_score as numeric(18, 6)) as csat_response_score,
        -- The hours of an open ticket are still to come, and with them the score.
        cast(
            case when coalesce(tickets.open_ticket_count, 0) = 0 then scores.cs_score end
            as numeric(18, 6)
        ) as cs_score,
        cast(coalesce(usage.total_tokens, 0) as bigint) as total_tokens,
        cast(
            {{ unless_never_delivered('revenue.net_revenue', '0', 'revenue_account_daily') }}
            as numeric(18, 6)
        ) as net_revenue,
        {{ unless_never_delivered("mrr.movement = 'churn'", 'false', 'subscriptions') }}
            as is_churned
    from spine
    left join usage
        on {{ columns_equal('spine', 'usage', ['account_id', 'week_start']) }}
    left join revenue
        on {{ columns_equal('spine', 'revenue', ['account_id', 'week_start']) }}
    left join tickets
        on {{ columns_equal('spine', 'tickets', ['account_id', 'week_start']) }}
    left join surveys
        on {{ columns_equal('spine', 'surveys', ['account_id', 'week_start']) }}
    left join scores
        on {{ columns_equal('spine', 'scores', ['account_id', 'week_start']) }}
    left join mrr
        on
            spine.account_id = mrr.account_id
            and spine.week_start = mrr.period_start

)

select * from final
