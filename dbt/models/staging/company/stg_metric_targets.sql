-- Grain: one row per metric and first day of its target.
with

source as (
    {{ delivered('company', 'metric_targets') }}
),

cleaned as (
    select
        lower(trim(metric)) as metric,
        cast(valid_from as date) as valid_from,
        cast(target as numeric(18, 6)) as target,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(key=['metric', 'valid_from'], tie_breakers=['target']) }}
),

final as (
    select
        *,
        lead(valid_from, 1, cast('9999-12-31' as date)) over (
            partition by metric order by valid_from asc nulls last
        ) as valid_to
    from newest
)

select * from final
