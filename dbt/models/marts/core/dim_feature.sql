-- Grain: one row per feature of the product, its first release.
with final as (

    select
        feature_name,
        released_at,
        cast(released_at as date) as released_date
    from {{ ref('stg_feature_releases') }}

)

select * from final
