-- Grain: one row per contact, newest version known by the as-of day.
with as_of as (select * from {{ ref('int_as_of') }}),

ranked as (

    select
        versions.*,
        row_number() over (
            partition by versions.crm_contact_id
            order by versions.updated_at desc nulls last
        ) as version_rank
    from {{ ref('stg_contact_versions') }} as versions
    inner join as_of
        on versions.updated_at < as_of.as_of_end_at

),

final as (

    select
        crm_contact_id,
        account_id,
        hem,
        hem_meta,
        hphone,
        hphone_meta,
        job_role,
        department,
        seniority_level,
        country_code,
        lead_source,
        lead_medium,
        lead_campaign,
        has_marketing_consent,
        consent_at,
        created_at,
        updated_at
    from ranked
    where version_rank = 1

)

select * from final
