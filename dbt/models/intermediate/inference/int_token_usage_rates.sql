-- Grain: one row per entity (model, account), grain (week, month, ytd) and period with a request.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_periods',
    unique_key=['grain', 'period_start'],
    pre_hook="{{ hash_joins_only() }}",
    meta={'follows': 'int_token_usage_minute_counts', 'grains': ['week', 'month', 'ytd']},
) }}
{#
  Rates are those of a whole model or account, over all its regions, scopes and traffic types. A minute
  without a request is no minute here.

  A day changes its month and its year to date, so the percentiles of these are found anew each night.
  What is read for it is counts of minutes, and of the minutes themselves only those that the counts
  leave in question.
#}
with periods as (

    {% if is_incremental() -%}
    {{ periods_to_build() }}
    {%- else -%}
    select
        grain,
        period_start,
        observed_end
    from {{ ref('int_usage_period') }}
    {%- endif %}

),

-- A slice holds the days that are in the same periods.
period_days as (

    select
        periods.grain,
        periods.period_start,
        periods.observed_end,
        int_day.date_day,
        concat_ws(' ', periods.grain, periods.period_start) as period
    from periods
    inner join {{ ref('int_day') }} as int_day
        on
            periods.period_start <= int_day.date_day
            and periods.observed_end >= int_day.date_day

),

day_slices as (

    select
        date_day,
        dense_rank() over (
            order by {{ string_agg_sorted('period') }} nulls last
        ) as slice_number
    from period_days
    group by date_day

),

slice_periods as (

    select distinct
        day_slices.slice_number,
        period_days.grain,
        period_days.period_start,
        period_days.observed_end
    from day_slices
    inner join period_days
        on day_slices.date_day = period_days.date_day

),

slice_counts as (

    select
        counts.entity_type,
        counts.entity_id,
        day_slices.slice_number,
        counts.request_count,
        counts.token_bucket,
        sum(counts.minute_count) as minute_count,
        max(counts.tokens_peak) as tokens_peak
    from {{ ref('int_token_usage_minute_counts') }} as counts
    inner join day_slices
        on counts.usage_date = day_slices.date_day
    {%- if is_incremental() %}
    where counts.usage_date >= {{ first_day_to_build() }}
    {%- endif %}
    group by
        counts.entity_type, counts.entity_id, day_slices.slice_number, counts.request_count,
        counts.token_bucket

),

entity_slices as (

    select distinct
        entity_type,
        entity_id,
        slice_number
    from slice_counts

),

members as (

    select
        entity_slices.entity_type,
        entity_slices.entity_id,
        entity_slices.slice_number,
        slice_periods.grain,
        slice_periods.period_start,
        slice_periods.observed_end,
        dense_rank() over (
            order by
                entity_slices.entity_type nulls last, entity_slices.entity_id nulls last,
                slice_periods.grain nulls last, slice_periods.period_start nulls last
        ) as member_number
    from entity_slices
    inner join slice_periods
        on entity_slices.slice_number = slice_periods.slice_number

),

member_counts as (

    select
        members.member_number,
        slice_counts.request_count,
        slice_counts.token_bucket,
        sum(slice_counts.minute_count) as minute_count,
        max(slice_counts.tokens_peak) as tokens_peak
    from slice_counts
    inner join members
        on
            slice_counts.entity_type = members.entity_type
            and slice_counts.entity_id = members.entity_id
            and slice_counts.slice_number = members.slice_number
    group by members.member_number, slice_counts.request_count, slice_counts.token_bucket

),

totals as (

    select
        member_number,
        cast(sum(minute_count) as bigint) as active_minutes,
        max(request_count) as requests_peak,
        max(tokens_peak) as tokens_peak
    from member_counts
    group by member_number

),

-- Few numbers of requests are different: their minutes are counted, and nothing is sorted.
request_counts as (

    select
        member_number,
        request_count,
        cast(sum(minute_count) as bigint) as minute_count
    from member_counts
    group by member_number, request_count

),

request_places as (

    select
        request_counts.member_number,
        request_counts.request_count,
        totals.active_minutes,
        request_counts.minute_count,
        cast(sum(request_counts.minute_count) over (
            partition by request_counts.member_number
            order by request_counts.request_count nulls last
        ) as bigint) as last_place
    from request_counts
    inner join totals
        on request_counts.member_number = totals.member_number

),

request_percentiles as (

    select
        member_number,
        {{ percentile_of_places(
            0.90, 'request_count', 'last_place - minute_count + 1', 'last_place', 'active_minutes'
        ) }} as p90,
        {{ percentile_of_places(
            0.95, 'request_count', 'last_place - minute_count + 1', 'last_place', 'active_minutes'
        ) }} as p95,
        {{ percentile_of_places(
            0.97, 'request_count', 'last_place - minute_count + 1', 'last_place', 'active_minutes'
        ) }} as p97
    from request_places
    group by member_number, active_minutes

),

bucket_counts as (

    select
        member_number,
        token_bucket,
        cast(sum(minute_count) as bigint) as minute_count
    from member_counts
    group by member_number, token_bucket

),

bucket_places as (

    select
        bucket_counts.member_number,
        bucket_counts.token_bucket,
        totals.active_minutes,
        bucket_counts.minute_count,
        cast(sum(bucket_counts.minute_count) over (
            partition by bucket_counts.member_number order by bucket_counts.token_bucket nulls last
        ) as bigint) as last_place
    from bucket_counts
    inner join totals
        on bucket_counts.member_number = totals.member_number

),

-- Only the minutes in the buckets of a percentile are sorted by their tokens. Distinct, so that the
-- minutes are joined with these and not with every slice first.
sought_buckets as (

    select distinct
        members.entity_type,
        members.entity_id,
        members.slice_number,
        members.member_number,
        bucket_places.token_bucket,
        bucket_places.last_place - bucket_places.minute_count as count_before,
        bucket_places.active_minutes
    from bucket_places
    inner join members
        on bucket_places.member_number = members.member_number
    where
        {{ holds_percentile(
            [0.90, 0.95, 0.97], 'bucket_places.last_place - bucket_places.minute_count',
            'bucket_places.last_place', 'bucket_places.active_minutes'
        ) }}

),

token_places as (

    select
        sought_buckets.member_number,
        sought_buckets.active_minutes,
        minutes.total_tokens,
        sought_buckets.count_before + row_number() over (
            partition by sought_buckets.member_number, sought_buckets.token_bucket
            order by minutes.total_tokens nulls last
        ) as place
    from {{ ref('int_token_usage_entity_minute') }} as minutes
    inner join day_slices
        on minutes.usage_date = day_slices.date_day
    inner join sought_buckets
        on
            minutes.entity_type = sought_buckets.entity_type
            and minutes.entity_id = sought_buckets.entity_id
            and day_slices.slice_number = sought_buckets.slice_number
            and {{ value_bucket('minutes.total_tokens') }} = sought_buckets.token_bucket
    {%- if is_incremental() %}
    where minutes.usage_date >= {{ first_day_to_build() }}
    {%- endif %}

),

token_percentiles as (

    select
        member_number,
        {{ percentile_of_places(
            0.90, 'total_tokens', 'place', 'place', 'active_minutes'
        ) }} as p90,
        {{ percentile_of_places(
            0.95, 'total_tokens', 'place', 'place', 'active_minutes'
        ) }} as p95,
        {{ percentile_of_places(
            0.97, 'total_tokens', 'place', 'place', 'active_minutes'
        ) }} as p97
    from token_places
    group by member_number, active_minutes

),

entities as (

    select distinct
        member_number,
        entity_type,
        entity_id,
        grain,
        period_start,
        observed_end
    from members

),

final as (

    select
        entities.entity_type,
        entities.entity_id,
        entities.grain,
        entities.period_start,
        entities.observed_end,
        totals.active_minutes,
        cast(totals.requests_peak as numeric(24, 6)) as requests_per_minute_peak,
        cast(requests.p90 as numeric(24, 6)) as requests_per_minute_p90,
        cast(requests.p95 as numeric(24, 6)) as requests_per_minute_p95,
        cast(requests.p97 as numeric(24, 6)) as requests_per_minute_p97,
        cast(totals.tokens_peak as numeric(24, 6)) as tokens_per_minute_peak,
        cast(tokens.p90 as numeric(24, 6)) as tokens_per_minute_p90,
        cast(tokens.p95 as numeric(24, 6)) as tokens_per_minute_p95,
        cast(tokens.p97 as numeric(24, 6)) as tokens_per_minute_p97
    from totals
    inner join entities
        on totals.member_number = entities.member_number
    inner join request_percentiles as requests
        on totals.member_number = requests.member_number
    inner join token_percentiles as tokens
        on totals.member_number = tokens.member_number

)

select * from final
