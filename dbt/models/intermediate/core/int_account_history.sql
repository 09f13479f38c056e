-- Grain: one row per account and version of its attributes known by the as-of day.
with as_of as (

    select * from {{ ref('int_as_of') }}

),

changes as (

    select * from {{ ref('stg_account_changes') }}

),

regions as (

    select * from {{ ref('country_regions') }}

),

known as (

    select changes.*
    from changes
    inner join as_of
        on changes.changed_at < as_of.as_of_end_at

),

versioned as (

    select
        *,
        row_number() over (
            partition by account_id order by changed_at nulls last
        ) as version_number,
        lead(changed_at) over (
            partition by account_id order by changed_at nulls last
        ) as next_changed_at
    from known

),

final as (

    select
        versioned.account_id,
        versioned.version_number,
        versioned.changed_at,
        -- Nothing is known of the time before the first version, so it stands for that time too.
        case
            when versioned.version_number = 1 then cast('1900-01-01' as timestamp)
            else versioned.changed_at
        end as valid_from_at,
        coalesce(versioned.next_changed_at, cast('9999-12-31' as timestamp)) as valid_to_at,
        versioned.next_changed_at is null as is_current,
        versioned.company_name,
        versioned.account_name,
        versioned.account_size,
        versioned.employee_count,
        versioned.segment,
        versioned.plan_tier,
        versioned.vertical,
        versioned.owner_name,
        versioned.email_sha256,
        versioned.city,
        versioned.country_code,
        coalesce(regions.region, 'Unknown') as home_region,
        versioned.is_active,
        versioned.crm_cs_score,
        versioned.is_fraud,
        versioned.signed_up_date
    from versioned
    left join regions
        on versioned.country_code = regions.country_code

)

select * from final
