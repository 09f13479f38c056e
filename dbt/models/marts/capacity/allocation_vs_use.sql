-- Grain: one row per model variant, region and instance type with an allocation in the window.
{%- set review = setting('utilization_review_pct') %}
{%- set spare_below = setting('overprovisioned_below_pct') %}
{%- set large_warmpool = setting('warmpool_review_pct') %}
with as_of as (

    select
        *,
        cast(as_of_date - interval '{{ var("capacity_window_days") - 1 }} day' as date)
            as window_start
    from ({{ known_as_of(['allocation', 'utilization']) }}) as known

),

snapshots as (

    select
        allocation.model_variant,
        allocation.region,
        allocation.instance_type,
        cast(allocation.observed_at as date) as observed_date,
        allocation.used_instances,
        allocation.warmpool_instances,
        allocation.allocated_instances,
        row_number() over (
            partition by
                allocation.model_variant,
                allocation.region,
                allocation.instance_type,
                cast(allocation.observed_at as date)
            order by allocation.observed_at desc nulls last
        ) as day_rank
    from {{ ref('stg_instance_allocation') }} as allocation
    inner join as_of
        on
            allocation.observed_at < as_of.as_of_end_at
            and allocation.observed_at >= cast(as_of.window_start as timestamp)

),

-- Means over days: a day with many snapshots weighs no more than another.
allocation as (

    select
        model_variant,
        region,
        instance_type,
        count(*) as observed_days,
        max(observed_date) as newest_date,
        max(used_instances) as used_instances_peak,
        sum(used_instances) as used_instance_days,
        sum(warmpool_instances) as warmpool_instance_days,
        sum(allocated_instances) as allocated_instance_days
    from snapshots
    where day_rank = 1
    group by model_variant, region, instance_type

),

-- Classifiers check requests beside the samplers that serve them and are scaled on their own.
utilization as (

    select
        samples.model_variant,
        samples.region,
        samples.instance_type,
        count(samples.utilization_pct) as sample_count,
        {{ percentile(0.50, 'samples.utilization_pct') }} as p50,
        {{ percentile(0.90, 'samples.utilization_pct') }} as p90,
        max(samples.utilization_pct) as peak
    from {{ ref('fct_utilization') }} as samples
    inner join as_of
        on
            samples.observed_date >= as_of.window_start
            and samples.observed_date <= as_of.as_of_date
    where samples.role <> 'classifier'
    group by samples.model_variant, samples.region, samples.instance_type

),

joined as (

    select
        allocation.*,
        {{ unless_never_delivered('utilization.sample_count', '0', 'resource_model_utilization') }}
            as sample_count,
        cast(utilization.p50 as numeric(18, 6)) as utilization_p50_pct,
        cast(utilization.p90 as numeric(18, 6)) as utilization_p90_pct,
        cast(utilization.peak as numeric(18, 6)) as utilization_peak_pct,
        {{ pct('allocation.warmpool_instance_days', 'allocation.allocated_instance_days') }}
            as warmpool_pct,
        as_of.as_of_date as known_to_date
    from allocation
    cross join as_of
    left join utilization
        on {{ columns_equal('allocation', 'utilization', [
            'model_variant', 'region', 'instance_type',
        ]) }}

),

judged as (

    select
        *,
        coalesce(utilization_p90_pct >= {{ review }}, false) as is_short,
        coalesce(utilization_p90_pct < {{ spare_below }}, false) as is_spare,
        coalesce(warmpool_pct >= {{ large_warmpool }}, false) as has_large_warmpool
    from joined

),

final as (

    select
        model_variant,
        region,
        instance_type,
        cast(observed_days as bigint) as observed_days,
        newest_date,
        {{ ratio('used_instance_days', 'observed_days') }} as used_instances_mean,
        {{ ratio('warmpool_instance_days', 'observed_days') }} as warmpool_instances_mean,
        used_instances_peak,
        warmpool_pct,
        cast(sample_count as bigint) as sample_count,
        utilization_p50_pct,
        utilization_p90_pct,
        utilization_peak_pct,
        case
            when utilization_p90_pct is null then 'unknown'
            when is_short then 'under-provisioned'
            when is_spare or has_large_warmpool then 'over-provisioned'
            else 'balanced'
        end as verdict,
        case
            when sample_count is null then 'needs resource_model_utilization: never delivered'
            when utilization_p90_pct is null then 'No utilisation samples'
            when is_short then 'p90 utilisation at or above {{ review }} %'
            when is_spare and has_large_warmpool
                then
                    'p90 utilisation below {{ spare_below }} % and warm pool '
                    || 'at or above {{ large_warmpool }} % of the allocation'
            when is_spare then 'p90 utilisation below {{ spare_below }} %'
            when has_large_warmpool
                then 'Warm pool at or above {{ large_warmpool }} % of the allocation'
            else 'Within the thresholds'
        end as reason,
        known_to_date
    from judged

)

select * from final
