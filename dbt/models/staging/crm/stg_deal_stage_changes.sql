-- Grain: one row per change of a deal's stage.
with

source as (
    {{ delivered('crm', 'deal_stage_history') }}
),

cleaned as (
    select
        trim(row_id) as row_id,
        {{ to_utc('event_timestamp') }} as changed_at,
        nullif(trim(crm_contact_id), '') as crm_contact_id,
        nullif(trim(crm_account_id), '') as account_id,
        trim(deal_id) as deal_id,
        nullif({{ title_case('trim(old_stage)') }}, '') as old_stage,
        {{ text_or_unknown(title_case('new_stage')) }} as new_stage,
        cast(deal_value as numeric(18, 6)) as deal_value,
        {{ text_or_unknown('upper(currency)') }} as currency_code,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['row_id'],
        tie_breakers=[
            'changed_at', 'crm_contact_id', 'account_id', 'deal_id', 'old_stage',
            'new_stage', 'deal_value', 'currency_code', 'created_at',
        ]
    ) }}
),

final as (
    select
        *,
        cast(changed_at as date) as changed_date
    from newest
)

select * from final
