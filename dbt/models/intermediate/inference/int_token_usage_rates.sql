-- Grain: one row per entity (model, account), grain (week, month, ytd) and period with a request.
{%- set grains = ['week', 'month', 'ytd'] %}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_periods',
    unique_key=['grain', 'period_start'],
    meta={'follows': 'int_token_usage_minute_counts', 'grains': grains},
) }}
{#
  Rates are those of a whole model or account, over all its regions, scopes and traffic types. A minute
  without a request is no minute here.

  A day changes its month and its year to date, so the percentiles of these are found anew each night.
  What is read for it is counts of minutes, and of the minutes themselves only those that the counts
  leave in question.
#}
with periods as (

    {{ periods_to_build(is_incremental(), grains) }}

),

period_days as (

    {{ days_of_periods('periods', 'period_start', 'period_start', 'observed_end') }}

),

-- A slice holds the days that are in the same periods.
day_slices as (

    select
        date_day,
        dense_rank() over (
            order by
                {{ string_agg_sorted("concat_ws(' ', grain, period_start)") }} nulls last
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
        on {{ columns_equal('slice_counts', 'members', [
            'entity_type', 'entity_id', 'slice_number',
        ]) }}
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
        request_count as value,
        cast(sum(minute_count) as bigint) as value_count
    from member_counts
    group by member_number, request_count

),

request_percentiles as (

    {{ percentiles_of_counts('request_counts', [0.90, 0.95, 0.97]) }}

),

token_buckets as (

    select
        member_number,
        token_bucket as bucket,
        cast(sum(minute_count) as bigint) as value_count
    from member_counts
    group by member_number, token_bucket

),

minutes as (

    select
        minutes.entity_type,
        minutes.entity_id,
        day_slices.slice_number,
        {{ value_bucket('minutes.total_tokens') }} as bucket,
        minutes.total_tokens as value
    from {{ ref('int_token_usage_entity_minute') }} as minutes
    inner join day_slices
        on minutes.usage_date = day_slices.date_day
    {%- if is_incremental() %}
    where minutes.usage_date >= {{ first_day_to_build() }}
    {%- endif %}

),

token_percentiles as (

    {{ exact_percentiles(
        'token_buckets', 'members', 'minutes', ['entity_type', 'entity_id', 'slice_number'],
        [0.90, 0.95, 0.97]
    ) }}

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
