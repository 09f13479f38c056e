-- Grain: one row per first day of the levels.
with

source as (
    {{ delivered('company', 'health_levels') }}
),

cleaned as (
    select
        cast(valid_from as date) as valid_from,
        cast(full_events_per_user_day as numeric(18, 6)) as full_events_per_user_day,
        cast(full_active_days_pct as numeric(18, 6)) as full_active_days_pct,
        cast(full_feature_breadth_pct as numeric(18, 6)) as full_feature_breadth_pct,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['valid_from'],
        tie_breakers=[
            'full_events_per_user_day', 'full_active_days_pct', 'full_feature_breadth_pct'
        ]
    ) }}
),

final as (
    select
        *,
        lead(valid_from, 1, cast('9999-12-31' as date)) over (
            order by valid_from asc nulls last
        ) as valid_to
    from newest
)

select * from final
