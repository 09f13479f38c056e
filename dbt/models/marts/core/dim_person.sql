-- Grain: one row per person that a source has seen by the as-of day.
with identifiers as (select * from {{ ref('int_identifier') }}),

contacts as (

    select
        identifiers.person_id,
        current_contacts.*,
        row_number() over (
            partition by identifiers.person_id
            order by
                current_contacts.updated_at desc nulls last,
                current_contacts.crm_contact_id asc nulls last
        ) as contact_rank
    from identifiers
    inner join {{ ref('int_contact_current') }} as current_contacts
        on
            identifiers.identifier_type = 'crm_contact_id'
            and identifiers.identifier_value = current_contacts.crm_contact_id

),

counted as (

    select
        person_id,
        count(*) filter (where identifier_type = 'email') as email_count,
        count(*) filter (where identifier_type = 'phone') as phone_count,
        count(*) filter (where identifier_type = 'product_user_id') as product_user_count,
        count(*) filter (where identifier_type = 'web_cookie') as cookie_count,
        bool_or(is_shared) as is_shared_identifier,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from identifiers
    group by person_id

),

final as (

    select
        counted.person_id,
        contacts.crm_contact_id,
        contacts.account_id,
        contacts.crm_contact_id is not null as is_known,
        counted.is_shared_identifier,
        coalesce(contacts.job_role, 'Unknown') as job_role,
        coalesce(contacts.department, 'Unknown') as department,
        coalesce(contacts.seniority_level, 'Unknown') as seniority_level,
        coalesce(contacts.country_code, 'Unknown') as country_code,
        coalesce(contacts.lead_source, 'Unknown') as lead_source,
        coalesce(consents.has_marketing_consent, false) as has_marketing_consent,
        consents.consent_at,
        cast(counted.email_count as bigint) as email_count,
        cast(counted.phone_count as bigint) as phone_count,
        cast(counted.product_user_count as bigint) as product_user_count,
        cast(counted.cookie_count as bigint) as cookie_count,
        counted.first_seen_at,
        counted.last_seen_at
    from counted
    left join contacts
        on
            counted.person_id = contacts.person_id
            and contacts.contact_rank = 1
    left join {{ ref('int_person_consent') }} as consents
        on counted.person_id = consents.person_id

)

select * from final
