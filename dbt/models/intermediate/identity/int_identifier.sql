-- Grain: one row per identifier (type and value), with its person.
{#
  The id of a person is that of its oldest identifier, so it outlives everything that joins later;
  the rules are in docs/identity-resolution.md.
#}
with resolved as (

    select * from {{ resolve_identities(ref('int_identifier_link'), ref('identifier_types')) }}

),

sightings as (

    select
        type_a as identifier_type,
        value_a as identifier_value,
        last_seen_at
    from {{ ref('int_identifier_link') }}

    union all

    select
        type_b as identifier_type,
        value_b as identifier_value,
        last_seen_at
    from {{ ref('int_identifier_link') }}
    where value_b is not null

),

last_seen as (

    select
        identifier_type,
        identifier_value,
        max(last_seen_at) as last_seen_at
    from sightings
    group by identifier_type, identifier_value

),

final as (

    select
        {{ dbt_utils.generate_surrogate_key(
            ['resolved.identifier_type', 'resolved.identifier_value']
        ) }} as identifier_key,
        resolved.identifier_type,
        resolved.identifier_value,
        {{ dbt_utils.generate_surrogate_key(
            ['resolved.founder_type', 'resolved.founder_value']
        ) }} as person_id,
        resolved.is_shared,
        resolved.first_seen_at,
        last_seen.last_seen_at
    from resolved
    inner join last_seen
        on {{ columns_equal('resolved', 'last_seen', ['identifier_type', 'identifier_value']) }}

)

select * from final
