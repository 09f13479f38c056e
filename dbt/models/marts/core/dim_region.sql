-- Grain: one row per region in which accounts live or requests are served.
with serving_regions as (

    select source_region as region from {{ ref('int_token_usage_daily') }}

    union

    select region from {{ ref('stg_model_utilization') }}

    union

    select region from {{ ref('stg_incidents') }}
    where region is not null

),

regions as (

    select region from {{ ref('country_regions') }}

    union

    select region from {{ ref('int_revenue_daily') }}

    union

    select coalesce(region, 'Unknown') as region from serving_regions

    union

    select 'Unknown' as region

),

territories as (select * from {{ ref('region_territories') }}),

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
        coalesce(territories.territory, 'Unknown') as territory,
        territories.is_government_cloud,
        cast(coalesce(countries.country_count, 0) as integer) as country_count,
        case
            when regions.region = 'Unknown' then false
            when serving_regions.region is not null then true
            when {{ is_delivered(
                'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary',
                'resource_model_utilization', 'platform_incidents'
            ) }} then false
        end as is_serving
    from regions
    left join serving_regions
        on regions.region = serving_regions.region
    left join territories
        on regions.region = territories.region
    left join countries
        on regions.region = countries.region

)

select * from final
