-- Grain: one row per identifier that did not found its person.
{#
  Every id that a person ever had is the key of the identifier that was its oldest then. So this map
  leads from any former id to today's, whatever was joined or parted meanwhile, without a memory of
  earlier builds.
#}
select
    identifier_key as former_person_id,
    person_id
from {{ ref('int_identifier') }}
where identifier_key <> person_id
