-- Joining limits neither repeats nor loses a request of the window.
with usage_minutes as (

    select
        coalesce(sum(usage_minutes.request_count), 0) as request_count,
        coalesce(sum(usage_minutes.throttled_count), 0) as throttled_count
    from {{ ref('int_token_usage_minute') }} as usage_minutes
    inner join {{ ref('int_as_of') }} as as_of
        on
            usage_minutes.usage_date <= as_of.as_of_date
            and usage_minutes.usage_date
            > cast(as_of.as_of_date - interval '{{ var("capacity_window_days") }} day' as date)

),

mart as (

    select
        coalesce(sum(request_count), 0) as request_count,
        coalesce(sum(throttled_count), 0) as throttled_count
    from {{ ref('quota_pressure') }}

)

select
    usage_minutes.request_count as expected_requests,
    mart.request_count as found_requests,
    usage_minutes.throttled_count as expected_throttled,
    mart.throttled_count as found_throttled
from usage_minutes
cross join mart
where
    usage_minutes.request_count <> mart.request_count
    or usage_minutes.throttled_count <> mart.throttled_count
