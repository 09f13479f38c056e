-- Tickets, each in its newest believed version. Staging reads them without a log: open are those
-- with rows of other batches than the run can have read, or of another tool since its start.
{% from '_macros.sql' import believed, compared with context %}
with open_items as (

    select distinct trim(ticket_id) as item
    from raw_bronze.support_tickets
    where
        batch_id <> all(cast({{ batch_ids }} as bigint[]))
        or (batch_id is null and loaded_at >= cast({{ started_at }} as timestamptz))

),

versions as (

    {{ believed('support_tickets', 'last_updated', 'trim(ticket_id)') }}

),

ranked as (

    select
        created_at,
        trim(ticket_id) as item,
        row_number() over (
            partition by trim(ticket_id)
            order by
                believed_at desc nulls last,
                loaded_at desc,
                account_id desc,
                created_at desc
        ) as version_rank
    from versions

),

bronze as (

    select
        'tickets' as unit,
        cast(timezone('UTC', created_at) as date) as day,
        item,
        1 as value
    from ranked
    where version_rank = 1

),

silver as (

    select
        'tickets' as unit,
        created_date as day,
        ticket_id as item,
        1 as value
    from {{ ref('stg_tickets') }}

),

gold as (

    select
        'tickets' as unit,
        created_date as day,
        ticket_id as item,
        1 as value
    from {{ ref('fct_tickets') }}

),

{{ compared() }}
