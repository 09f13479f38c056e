-- Grain: one row per serving pod and utilisation sample.
with as_of as (select * from {{ ref('int_as_of') }}),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(['samples.pod_id', 'samples.observed_at']) }}
            as utilization_key,
        samples.pod_id,
        samples.observed_at,
        samples.observed_date,
        {{ text_or_unknown('samples.model_variant') }} as model_variant,
        {{ text_or_unknown('samples.region') }} as region,
        samples.instance_type,
        samples.role,
        samples.actual_concurrency,
        samples.max_concurrency,
        samples.utilization_pct,
        samples.utilization_band
    from {{ ref('stg_model_utilization') }} as samples
    inner join as_of
        on samples.observed_date <= as_of.as_of_date

)

select * from final
