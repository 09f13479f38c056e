-- Grain: one row per region in which accounts live or requests are served.
with regions as (

    select region from {{ ref('country_regions') }}

    union

    select source_region as region from {{ ref('int_requests') }}

    union

    select region from {{ ref('stg_revenue_daily') }}

    union

    select region from {{ ref('stg_model_utilization') }}

    union

    select region from {{ ref('stg_incidents') }}
    where region is not null

    union

    select 'Unknown' as region

),

countries as (

    select
        region,
        count(*) as country_count
    from {{ ref('country_regions') }}
    group by region

),

final as (

    select
        regions.region,
        cast(coalesce(countries.country_count, 0) as integer) as country_count
    from regions
    left join countries
        on regions.region = countries.region

)

select * from final
