-- Grain: one row per feature, its first release.
with

source as (
    {{ delivered('product', 'product_feature_releases') }}
),

cleaned as (
    select
        trim(feature_name) as feature_name,
        {{ to_utc('released_at') }} as released_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

-- A feature that is announced again was released when it first reached customers.
ranked as (
    select
        *,
        row_number() over (
            partition by feature_name
            order by released_at asc nulls last, loaded_at desc nulls last
        ) as release_rank
    from cleaned
),

final as (
    select
        feature_name,
        released_at,
        loaded_at
    from ranked
    where release_rank = 1
)

select * from final
