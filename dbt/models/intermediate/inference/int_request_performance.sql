-- Grain: one row per grain (week, month), period and member of each reporting dimension with at
-- least one request.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_periods',
    unique_key=['grain', 'period_start'],
    pre_hook="{{ hash_joins_only() }}",
    meta={'follows': 'int_requests', 'grains': ['week', 'month'], 'depends_on_attributes': true},
) }}
{#
  Region is the region that received the request. Percentiles are taken over the requests of the
  period, never over other percentiles.
#}
with periods_to_build as (

    {% if is_incremental() -%}
    {{ periods_to_build() }}
    {%- else -%}
    select
        grain,
        period_start,
        observed_end
    from {{ ref('int_usage_period') }}
    where grain in ('week', 'month')
    {%- endif %}

),

periods as (

    select
        usage_period.grain,
        usage_period.period_start,
        usage_period.observed_end,
        usage_period.attributes_sha256
    from {{ ref('int_usage_period') }} as usage_period
    inner join periods_to_build
        on
            usage_period.grain = periods_to_build.grain
            and usage_period.period_start = periods_to_build.period_start

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

accounts as (

    select
        account_id,
        plan_tier,
        segment
    from {{ ref('int_account_history') }}
    where is_current

),

models as (

    select
        model_variant,
        product_sku
    from {{ ref('int_model_current') }}

),

usage as (

    select
        usage.account_id,
        usage.model_variant,
        usage.source_region,
        usage.usage_date,
        cast(date_trunc('week', usage.usage_date) as date) as week_start,
        cast(date_trunc('month', usage.usage_date) as date) as month_start,
        coalesce(accounts.plan_tier, 'Unknown') as plan_tier,
        coalesce(accounts.segment, 'Unknown') as segment,
        usage.source_region as region,
        coalesce(models.product_sku, 'Unknown') as product,
        usage.request_count,
        usage.error_count,
        usage.throttled_count,
        usage.unavailable_count,
        usage.latency_count
    from {{ ref('int_token_usage_daily') }} as usage
    inner join as_of
        on usage.usage_date <= as_of.as_of_date
    left join accounts
        on usage.account_id = accounts.account_id
    left join models
        on usage.model_variant = models.model_variant
    {%- if is_incremental() %}
    where usage.usage_date >= {{ first_day_to_build() }}
    {%- endif %}

),

-- A slice holds the requests that are alike in week, month and every dimension.
sliced_usage as (

    select
        *,
        dense_rank() over (
            order by
                week_start nulls last, month_start nulls last, plan_tier nulls last,
                segment nulls last, region nulls last, product nulls last
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
        region,
        product,
        sum(request_count) as request_count,
        sum(error_count) as error_count,
        sum(throttled_count) as throttled_count,
        sum(unavailable_count) as unavailable_count,
        sum(latency_count) as latency_count
    from sliced_usage
    group by
        slice_number, week_start, month_start, plan_tier, segment, region, product

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
        cast(requests.latency_ms as {{ type_double() }}) as latency_ms,
        {{ value_bucket('requests.latency_ms') }} as bucket
    from {{ ref('int_requests') }} as requests
    inner join request_slices
        on
            requests.account_id = request_slices.account_id
            and requests.model_variant = request_slices.model_variant
            and requests.source_region = request_slices.source_region
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
        count(*) as latency_count
    from latencies
    group by slice_number, bucket

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
        grain_dimensions.dimension,
        {{ dimension_value({
            'plan_tier': 'slices.plan_tier',
            'segment': 'slices.segment',
            'region': 'slices.region',
            'product': 'slices.product',
        }) }} as dimension_value
    from slices
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
                grain nulls last, period_start nulls last, dimension nulls last,
                dimension_value nulls last
        ) as member_number
    from slice_members

),

counts as (

    select
        member_number,
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
        member_number, grain, period_start, observed_end, attributes_sha256, dimension,
        dimension_value

),

-- A percentile lies in one or two buckets of its member. Only their latencies are sorted.
member_buckets as (

    select
        numbered_members.member_number,
        slice_buckets.bucket,
        cast(sum(slice_buckets.latency_count) as bigint) as latency_count
    from slice_buckets
    inner join numbered_members
        on slice_buckets.slice_number = numbered_members.slice_number
    group by numbered_members.member_number, slice_buckets.bucket

),

cumulated_buckets as (

    select
        member_number,
        bucket,
        latency_count as bucket_count,
        cast(sum(latency_count) over (
            partition by member_number order by bucket nulls last
        ) as bigint) as count_to_bucket,
        cast(sum(latency_count) over (partition by member_number) as bigint) as total_count
    from member_buckets

),

percentile_buckets as (

    select
        member_number,
        bucket,
        count_to_bucket - bucket_count as count_before,
        total_count
    from cumulated_buckets
    where
        {{ holds_percentile(
            [0.50, 0.90, 0.99], 'count_to_bucket - bucket_count', 'count_to_bucket', 'total_count'
        ) }}

),

-- Distinct, so that the latencies are joined with these and not with every slice first.
sought_buckets as (

    select distinct
        numbered_members.slice_number,
        percentile_buckets.bucket,
        percentile_buckets.member_number,
        percentile_buckets.count_before,
        percentile_buckets.total_count
    from percentile_buckets
    inner join numbered_members
        on percentile_buckets.member_number = numbered_members.member_number

),

ranked_latencies as (

    select
        sought_buckets.member_number,
        sought_buckets.total_count,
        latencies.latency_ms,
        sought_buckets.count_before + row_number() over (
            partition by sought_buckets.member_number, sought_buckets.bucket
            order by latencies.latency_ms nulls last
        ) as place
    from latencies
    inner join sought_buckets
        on
            latencies.slice_number = sought_buckets.slice_number
            and latencies.bucket = sought_buckets.bucket

),

percentiles as (

    select
        member_number,
        {{ percentile_of_places(0.50, 'latency_ms', 'place', 'place', 'total_count') }}
            as latency_p50_ms,
        {{ percentile_of_places(0.90, 'latency_ms', 'place', 'place', 'total_count') }}
            as latency_p90_ms,
        {{ percentile_of_places(0.99, 'latency_ms', 'place', 'place', 'total_count') }}
            as latency_p99_ms
    from ranked_latencies
    group by member_number, total_count

),

final as (

    select
        counts.grain,
        counts.period_start,
        counts.dimension,
        counts.dimension_value,
        cast(counts.request_count as bigint) as request_count,
        cast(counts.error_count as bigint) as error_count,
        cast(counts.throttled_count as bigint) as throttled_count,
        cast(counts.unavailable_count as bigint) as unavailable_count,
        cast(counts.latency_count as bigint) as latency_count,
        cast(percentiles.latency_p50_ms as numeric(18, 6)) as latency_p50_ms,
        cast(percentiles.latency_p90_ms as numeric(18, 6)) as latency_p90_ms,
        cast(percentiles.latency_p99_ms as numeric(18, 6)) as latency_p99_ms,
        counts.observed_end,
        counts.attributes_sha256
    from counts
    left join percentiles
        on counts.member_number = percentiles.member_number

)

select * from final
