-- Grain: one row per account that has had a paying contract by the as-of day.
select
    contracts.account_id,
    min(contracts.in_force_from_at) as first_paid_at,
    cast(min(contracts.in_force_from_at) as date) as first_paid_date
from {{ ref('int_contract_history') }} as contracts
inner join {{ ref('int_as_of') }} as as_of
    on contracts.in_force_from_at < as_of.as_of_end_at
where
    contracts.is_paying
    -- A state that ends before it begins never was.
    and contracts.in_force_from_at < contracts.in_force_to_at
group by contracts.account_id
