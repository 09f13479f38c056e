-- Grain: one row per person who was ever asked for consent to marketing, by the as-of day.
{#
  A contact says what its newest version says; an answer that was emptied is a withdrawal. Of several
  contacts the newest answer holds, and no wins a tie. An answer is never newer than its version.
  src/o2r/export/ledger.py asks the same of contacts as they are at the moment of an export.
#}
with as_of as (select * from {{ ref('int_as_of') }}),

versions as (

    select
        versions.crm_contact_id,
        coalesce(versions.has_marketing_consent, false) as has_agreed,
        case
            when versions.has_marketing_consent is not null and versions.consent_at is not null
                then {{ lesser('versions.consent_at', 'versions.updated_at') }}
            else versions.updated_at
        end as answered_at,
        bool_or(versions.has_marketing_consent is not null)
            over (partition by versions.crm_contact_id) as was_asked,
        row_number() over (
            partition by versions.crm_contact_id
            order by versions.updated_at desc nulls last
        ) as version_rank
    from {{ ref('stg_contact_versions') }} as versions
    inner join as_of
        on versions.updated_at < as_of.as_of_end_at

),

answered as (

    select
        identifiers.person_id,
        max(versions.answered_at) filter (where versions.has_agreed) as agreed_at,
        max(versions.answered_at) filter (where not versions.has_agreed) as refused_at
    from versions
    inner join {{ ref('int_identifier') }} as identifiers
        on
            identifiers.identifier_type = 'crm_contact_id'
            and versions.crm_contact_id = identifiers.identifier_value
    where
        versions.version_rank = 1
        and versions.was_asked
    group by identifiers.person_id

),

final as (

    select
        person_id,
        agreed_at is not null
        and (refused_at is null or agreed_at > refused_at) as has_marketing_consent,
        {{ greater_known('agreed_at', 'refused_at') }} as consent_at
    from answered

)

select * from final
