-- Grain: one row per plan tier and first day of its target.
with

source as (
    {{ delivered('company', 'uptime_targets') }}
),

cleaned as (
    select
        lower(trim(plan_tier)) as plan_tier,
        cast(valid_from as date) as valid_from,
        cast(target_pct as numeric(18, 6)) as target_pct,
        cast(credit_pct as numeric(18, 6)) as credit_pct,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['plan_tier', 'valid_from'], tie_breakers=['target_pct', 'credit_pct']
    ) }}
),

final as (
    select
        *,
        lead(valid_from, 1, cast('9999-12-31' as date)) over (
            partition by plan_tier order by valid_from asc nulls last
        ) as valid_to
    from newest
)

select * from final
