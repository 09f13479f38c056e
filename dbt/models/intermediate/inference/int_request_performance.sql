-- Grain: one row per population, grain (week, month), period and member of each reporting dimension
-- with at least one request.
{%- set grains = ['week', 'month'] %}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_periods',
    unique_key=['grain', 'period_start'],
    meta={'follows': 'int_requests', 'grains': grains, 'depends_on_attributes': true},
) }}
{#
  population: all requests, or onboarding: of accounts in weeks 1 to 13 of their age. Region: the one
  that received the request. Percentiles are taken over requests, never over other percentiles.
#}
with periods_to_build as (

    {{ periods_to_build(is_incremental(), grains) }}

),

periods as (

    select
        usage_period.grain,
        usage_period.period_start,
        usage_period.observed_end,
        usage_period.attributes_sha256
    from {{ ref('int_usage_period') }} as usage_period
    inner join periods_to_build
        on {{ columns_equal('usage_period', 'periods_to_build', ['grain', 'period_start']) }}

),

usage as (

    select
        *,
        cast(date_trunc('week', usage_date) as date) as week_start,
        cast(date_trunc('month', usage_date) as date) as month_start
    from {{ ref('int_attributed_usage') }}
    {%- if is_incremental() %}
    where usage_date >= {{ first_day_to_build() }}
    {%- endif %}

),

-- A slice holds the requests that are alike in week, month and every dimension.
sliced_usage as (

    select
        *,
        dense_rank() over (
            order by
                week_start nulls last, month_start nulls last, plan_tier nulls last,
                segment nulls last, source_region nulls last, product nulls last,
                is_onboarding nulls last
        ) as slice_number
    from usage

),

slices as (

    select
        slice_number,
        week_start,
        month_start,
        plan_tier,
        segment,
        source_region,
        product,
        is_onboarding,
        sum(request_count) as request_count,
        sum(error_count) as error_count,
        sum(throttled_count) as throttled_count,
        sum(unavailable_count) as unavailable_count,
        sum(latency_count) as latency_count
    from sliced_usage
    group by
        slice_number, week_start, month_start, plan_tier, segment, source_region, product,
        is_onboarding

),

request_slices as (

    select distinct
        account_id,
        model_variant,
        source_region,
        usage_date,
        slice_number
    from sliced_usage

),

-- The requests are read for their latency only; those after the as-of day are in no slice.
latencies as (

    select
        request_slices.slice_number,
        cast(requests.latency_ms as {{ type_double() }}) as value,
        {{ value_bucket('requests.latency_ms') }} as bucket
    from {{ ref('int_requests') }} as requests
    inner join request_slices
        on
            {{ columns_equal('requests', 'request_slices', [
                'account_id', 'model_variant', 'source_region',
            ]) }}
            and requests.requested_date = request_slices.usage_date
    where
        requests.latency_ms is not null
        {%- if is_incremental() %}
        and requests.requested_date >= {{ first_day_to_build() }}
        {%- endif %}

),

slice_buckets as (

    select
        slice_number,
        bucket,
        count(*) as value_count
    from latencies
    group by slice_number, bucket

),

populations as (

    select 'all' as population
    union all
    select 'onboarding' as population

),

-- Each slice belongs to one member of every grain and dimension. The percentiles below sort ten
-- rows per request, so they group by a number and not by four texts.
slice_members as (

    select
        slices.*,
        periods.grain,
        periods.period_start,
        periods.observed_end,
        periods.attributes_sha256,
        populations.population,
        grain_dimensions.dimension,
        {{ dimension_value({
            'plan_tier': 'slices.plan_tier',
            'segment': 'slices.segment',
            'region': 'slices.source_region',
            'product': 'slices.product',
        }) }} as dimension_value
    from slices
    inner join populations
        on slices.is_onboarding or populations.population = 'all'
    cross join {{ ref('int_grain_dimension') }} as grain_dimensions
    inner join periods
        on
            grain_dimensions.grain = periods.grain
            and periods.period_start = case
                when grain_dimensions.grain = 'week' then slices.week_start
                else slices.month_start
            end

),

numbered_members as (

    select
        *,
        dense_rank() over (
            order by
                population nulls last, grain nulls last, period_start nulls last,
                dimension nulls last, dimension_value nulls last
        ) as member_number
    from slice_members

),

counts as (

    select
        member_number,
        population,
        grain,
        period_start,
        observed_end,
        attributes_sha256,
        dimension,
        dimension_value,
        sum(request_count) as request_count,
        sum(error_count) as error_count,
        sum(throttled_count) as throttled_count,
        sum(unavailable_count) as unavailable_count,
        sum(latency_count) as latency_count
    from numbered_members
    group by
        member_number, population, grain, period_start, observed_end, attributes_sha256,
        dimension, dimension_value

),

member_buckets as (

    select
        numbered_members.member_number,
        slice_buckets.bucket,
        cast(sum(slice_buckets.value_count) as bigint) as value_count
    from slice_buckets
    inner join numbered_members
        on slice_buckets.slice_number = numbered_members.slice_number
    group by numbered_members.member_number, slice_buckets.bucket

),

percentiles as (

    {{ exact_percentiles(
        'member_buckets', 'numbered_members', 'latencies', ['slice_number'], [0.50, 0.90, 0.99]
    ) }}

),

final as (

    select
        counts.population,
        counts.grain,
        counts.period_start,
        counts.dimension,
        counts.dimension_value,
        cast(counts.request_count as bigint) as request_count,
        cast(counts.error_count as bigint) as error_count,
        cast(counts.throttled_count as bigint) as throttled_count,
        cast(counts.unavailable_count as bigint) as unavailable_count,
        cast(counts.latency_count as bigint) as latency_count,
        cast(percentiles.p50 as numeric(18, 6)) as latency_p50_ms,
        cast(percentiles.p90 as numeric(18, 6)) as latency_p90_ms,
        cast(percentiles.p99 as numeric(18, 6)) as latency_p99_ms,
        counts.observed_end,
        counts.attributes_sha256
    from counts
    left join percentiles
        on counts.member_number = percentiles.member_number

)

select * from final
