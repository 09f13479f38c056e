-- Grain: one row per account with a contact.
{# An account came by the channel of its first contact; later ones found it by the account. #}
with ranked as (

    select
        account_id,
        crm_contact_id,
        {{ acquisition_channel('lead_source', 'lead_medium') }} as channel,
        row_number() over (
            partition by account_id
            order by created_at asc nulls last, crm_contact_id asc nulls last
        ) as contact_rank
    from {{ ref('int_contact_current') }}
    where account_id is not null

)

select
    account_id,
    crm_contact_id,
    channel
from ranked
where contact_rank = 1
