-- Grain: one row per limit type and ISO week from its first request to the as-of week.
with as_of as (select * from {{ ref('int_as_of') }}),

weeks as (

    select * from ({{ periods_of(['quota_requests']) }}) as periods
    where grain = 'week'

),

-- What was decided or withdrawn after the as-of day is still open on it.
requests as (

    select
        requests.limit_type,
        requests.requested_at,
        requests.is_approved,
        requests.is_decided,
        requests.is_cancelled,
        requests.hours_to_decision,
        case
            when requests.closed_at < as_of.as_of_end_at
                then {{ greater('requests.closed_at', 'requests.requested_at') }}
        end as closed_at
    from {{ ref('stg_rate_limit_requests') }} as requests
    inner join as_of
        on requests.requested_at < as_of.as_of_end_at

),

limit_types as (

    select
        limit_type,
        cast(date_trunc('week', min(requested_at)) as date) as first_week
    from requests
    group by limit_type

),

spine as (

    select
        weeks.period_start as week_start,
        weeks.is_complete,
        cast(weeks.period_start as timestamp) as week_start_at,
        weeks.observed_end_at,
        limit_types.limit_type
    from weeks
    inner join limit_types
        on weeks.period_start >= limit_types.first_week

),

-- Closed in the week: closed_at lies in it. Open at its end: asked before, closed later or never.
matched as (

    select
        spine.week_start,
        spine.limit_type,
        requests.requested_at >= spine.week_start_at as is_new,
        coalesce(requests.closed_at < spine.observed_end_at, false) as is_closed,
        requests.is_decided,
        requests.is_approved,
        requests.is_cancelled,
        requests.hours_to_decision,
        {{ seconds_between('requests.requested_at', 'spine.observed_end_at') }} / 3600 as age_hours
    from spine
    inner join requests
        on
            spine.limit_type = requests.limit_type
            and spine.observed_end_at > requests.requested_at
            and (requests.closed_at is null or spine.week_start_at <= requests.closed_at)

),

counted as (

    select
        week_start,
        limit_type,
        count(*) filter (where is_new) as requested_count,
        count(*) filter (where is_closed and is_approved) as approved_count,
        count(*) filter (where is_closed and is_decided) as decided_count,
        count(*) filter (where is_closed and is_cancelled) as cancelled_count,
        count(*) filter (where not is_closed) as open_count,
        max(age_hours) filter (where not is_closed) as oldest_open_hours
    from matched
    group by week_start, limit_type

),

decision_times as (

    select
        week_start,
        limit_type,
        {{ percentile(0.50, 'hours_to_decision') }} as p50,
        {{ percentile(0.90, 'hours_to_decision') }} as p90
    from matched
    where is_closed and is_decided
    group by week_start, limit_type

),

final as (

    select
        spine.limit_type,
        spine.week_start,
        spine.is_complete,
        cast(coalesce(counted.requested_count, 0) as bigint) as requested_count,
        cast(coalesce(counted.decided_count, 0) as bigint) as decided_count,
        cast(coalesce(counted.approved_count, 0) as bigint) as approved_count,
        cast(coalesce(counted.decided_count - counted.approved_count, 0) as bigint)
            as rejected_count,
        cast(coalesce(counted.cancelled_count, 0) as bigint) as cancelled_count,
        cast(coalesce(counted.open_count, 0) as bigint) as open_count,
        cast(counted.oldest_open_hours as numeric(18, 6)) as oldest_open_hours,
        cast(decision_times.p50 as numeric(18, 6)) as hours_to_decision_p50,
        cast(decision_times.p90 as numeric(18, 6)) as hours_to_decision_p90,
        {{ pct('counted.approved_count', 'counted.decided_count') }} as approval_rate_pct
    from spine
    left join counted
        on {{ columns_equal('spine', 'counted', ['week_start', 'limit_type']) }}
    left join decision_times
        on {{ columns_equal('spine', 'decision_times', ['week_start', 'limit_type']) }}

)

select * from final
