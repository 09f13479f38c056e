-- Grain: one row per person, platform, identifier type and hash that the platform can match.
{#
  Every address and number that a contact of the person has had by the as-of day, newest first. A
  shared mailbox or number matches nobody: it is a person of its own, without a contact.
#}
{%- set hashes = [
    ('google', 'email', 'hem', 'hem'),
    ('google', 'phone', 'hphone', 'hphone'),
    ('meta', 'email', 'hem', 'hem_meta'),
    ('meta', 'phone', 'hphone', 'hphone_meta'),
] %}
with as_of as (select * from {{ ref('int_as_of') }}),

identifiers as (select * from {{ ref('int_identifier') }}),

versions as (

    select
        contacts.person_id,
        versions.hem,
        versions.hem_meta,
        versions.hphone,
        versions.hphone_meta,
        versions.updated_at
    from {{ ref('stg_contact_versions') }} as versions
    inner join as_of
        on versions.updated_at < as_of.as_of_end_at
    inner join identifiers as contacts
        on
            contacts.identifier_type = 'crm_contact_id'
            and versions.crm_contact_id = contacts.identifier_value

),

matched as (
    {%- for platform, type, canonical, hash in hashes %}

    select
        versions.person_id,
        '{{ platform }}' as platform,
        '{{ type }}' as identifier_type,
        versions.{{ hash }} as hash_value,
        max(versions.updated_at) as last_seen_at
    from versions
    inner join identifiers as owned
        on
            owned.identifier_type = '{{ type }}'
            and versions.{{ canonical }} = owned.identifier_value
            and versions.person_id = owned.person_id
    where versions.{{ hash }} is not null
    group by versions.person_id, versions.{{ hash }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

final as (

    select
        person_id,
        platform,
        identifier_type,
        hash_value,
        last_seen_at,
        row_number() over (
            partition by person_id, platform, identifier_type
            order by last_seen_at desc nulls last, hash_value asc nulls last
        ) as recency_rank
    from matched

)

select * from final
