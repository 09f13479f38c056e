-- Grain: one row per invoice and change (invoice_id, updated_at); every version is kept.
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
        {{ version_rank(
            key=['invoice_id', 'updated_at'],
            newest=['loaded_at'],
            tie_breakers=['account_id', 'invoice_date', 'amount', 'currency_code', 'status']
        ) }} as version_rank
    from stamped
),

final as (
    select
        invoice_id,
        account_id,
        invoice_date,
        amount,
        currency_code,
        status,
        updated_at,
        believed_at,
        loaded_at
    from ranked
    where version_rank = 1
)

select * from final
