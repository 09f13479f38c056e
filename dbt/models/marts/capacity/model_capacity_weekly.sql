-- Grain: one row per model variant, region, role of the pod and ISO week with samples.
{#
  The limits of a model's configuration hold for one replica, and a pod is a replica: they are
  multiplied by the pods that report, not by the configured replicas, which say nothing of a region.
  Pods do not report in the same second, so concurrency is added up by minute.
#}
with weeks as (

    select * from {{ ref('int_feed_period') }}
    where
        feed = 'utilization'
        and grain = 'week'

),

samples as (

    select
        *,
        cast(date_trunc('week', observed_date) as date) as week_start
    from {{ ref('fct_utilization') }}

),

utilization as (

    select
        model_variant,
        region,
        role,
        week_start,
        count(distinct pod_id) as pod_count,
        count(utilization_pct) as sample_count,
        {{ percentile(0.50, 'utilization_pct') }} as p50,
        {{ percentile(0.90, 'utilization_pct') }} as p90,
        max(utilization_pct) as peak
    from samples
    group by model_variant, region, role, week_start

),

pod_minutes as (

    select
        model_variant,
        region,
        role,
        week_start,
        pod_id,
        date_trunc('minute', observed_at) as minute_at,
        max(actual_concurrency) as actual_concurrency
    from samples
    where actual_concurrency is not null
    group by model_variant, region, role, week_start, pod_id, date_trunc('minute', observed_at)

),

minutes as (

    select
        model_variant,
        region,
        role,
        week_start,
        minute_at,
        sum(actual_concurrency) as concurrency,
        count(*) as pod_count
    from pod_minutes
    group by model_variant, region, role, week_start, minute_at

),

-- Of two minutes equally busy the one with fewer pods is the tighter.
peaks as (

    select
        *,
        row_number() over (
            partition by model_variant, region, role, week_start
            order by
                concurrency desc nulls last,
                pod_count asc nulls last,
                minute_at asc nulls last
        ) as peak_rank
    from minutes

),

configurations as (

    select
        weeks.period_start as week_start,
        versions.model_variant,
        versions.replicas,
        versions.ideal_concurrency,
        versions.max_concurrency,
        row_number() over (
            partition by weeks.period_start, versions.model_variant
            order by versions.snapshot_date desc nulls last
        ) as version_rank
    from weeks
    inner join {{ ref('stg_model_configurations') }} as versions
        on weeks.observed_end >= versions.snapshot_date

),

joined as (

    select
        utilization.*,
        weeks.is_complete,
        peaks.minute_at as peak_at,
        peaks.concurrency as peak_concurrency,
        peaks.pod_count as peak_pod_count,
        configurations.replicas as configured_replicas,
        configurations.ideal_concurrency * peaks.pod_count as ideal_concurrency,
        configurations.max_concurrency * peaks.pod_count as max_concurrency
    from utilization
    inner join weeks
        on utilization.week_start = weeks.period_start
    left join peaks
        on
            {{ columns_equal('utilization', 'peaks', [
                'model_variant', 'region', 'role', 'week_start',
            ]) }}
            and peaks.peak_rank = 1
    left join configurations
        on
            utilization.model_variant = configurations.model_variant
            and utilization.week_start = configurations.week_start
            and configurations.version_rank = 1

),

final as (

    select
        model_variant,
        region,
        role,
        week_start,
        is_complete,
        cast(pod_count as bigint) as pod_count,
        configured_replicas,
        cast(sample_count as bigint) as sample_count,
        cast(p50 as numeric(18, 6)) as utilization_p50_pct,
        cast(p90 as numeric(18, 6)) as utilization_p90_pct,
        cast(peak as numeric(18, 6)) as utilization_peak_pct,
        peak_at,
        cast(peak_pod_count as bigint) as peak_pod_count,
        cast(peak_concurrency as bigint) as peak_concurrency,
        cast(ideal_concurrency as bigint) as ideal_concurrency,
        cast(max_concurrency as bigint) as max_concurrency,
        cast(ideal_concurrency - peak_concurrency as bigint) as headroom_to_ideal,
        cast(max_concurrency - peak_concurrency as bigint) as headroom_to_max,
        {{ pct('peak_concurrency', 'ideal_concurrency') }} as peak_of_ideal_pct,
        {{ pct('peak_concurrency', 'max_concurrency') }} as peak_of_max_pct,
        peak_concurrency > ideal_concurrency as is_above_ideal,
        p90 >= {{ setting('utilization_review_pct') }} as is_saturated
    from joined

)

select * from final
