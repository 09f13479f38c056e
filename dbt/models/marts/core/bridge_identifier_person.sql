-- Grain: one row per identifier, under its key: hashes of addresses and numbers stay in silver.
select
    identifier_key,
    identifier_type,
    person_id,
    is_shared,
    first_seen_at,
    last_seen_at
from {{ ref('int_identifier') }}
