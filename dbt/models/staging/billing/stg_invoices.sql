-- Grain: one row per invoice, latest version.
with

source as (
    {{ delivered('billing', 'invoices') }}
),

cleaned as (
    select
        trim(invoice_id) as invoice_id,
        trim(account_id) as account_id,
        cast(invoice_date as date) as invoice_date,
        cast(amount as numeric(18, 6)) as amount,
        upper(trim(currency)) as currency_code,
        lower(trim(status)) as status,
        {{ to_utc('last_updated') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

stamped as (
    select
        *,
        {{ believed_stamp('updated_at', key=['invoice_id']) }} as believed_at
    from cleaned
),

ranked as (
    select
        *,
        min(case when status = 'overdue' then updated_at end) over (partition by invoice_id)
            as overdue_at,
        min(case when status in ('paid', 'void') then updated_at end)
            over (partition by invoice_id) as settled_at,
        {{ version_rank(
            key=['invoice_id'],
            newest=['believed_at', 'loaded_at'],
            tie_breakers=['account_id', 'invoice_date', 'amount', 'currency_code', 'status']
        ) }} as version_rank
    from stamped
),

latest as (
    select
        *,
        coalesce(status = 'paid', false) as is_paid
    from ranked
    where version_rank = 1
),

final as (
    select
        invoice_id,
        account_id,
        invoice_date,
        amount,
        currency_code,
        status,
        is_paid,
        overdue_at,
        settled_at,
        updated_at,
        loaded_at
    from latest
)

select * from final
