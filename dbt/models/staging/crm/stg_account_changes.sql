-- Grain: one row per account and change (account_id, changed_at); every version is kept.
with

source as (
    {{ delivered('crm', 'customer_details') }}
),

cleaned as (
    select
        trim(account_id) as account_id,
        {{ text_or_unknown('company') }} as company_name,
        {{ text_or_unknown('account_name') }} as account_name,
        {{ text_or_unknown('account_size') }} as account_size,
        cast(employee_count as integer) as employee_count,
        {{ text_or_unknown('segment') }} as crm_segment,
        {{ text_or_unknown('plan_tier') }} as plan_tier,
        {{ text_or_unknown('vertical') }} as vertical,
        {{ text_or_unknown('owner') }} as owner_name,
        {{ hem('email') }} as email_sha256,
        {{ text_or_unknown('city') }} as city,
        {{ text_or_unknown('upper(country)') }} as country_code,
        cast(is_active as boolean) as is_active,
        cast(cs_score as numeric(18, 6)) as crm_cs_score,
        cast(is_fraud as boolean) as is_fraud,
        {{ to_utc('date_created') }} as signed_up_at,
        {{ to_utc('date_updated') }} as changed_at,
        {{ text_or_unknown('data_source') }} as data_source,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['account_id', 'changed_at'],
        tie_breakers=[
            'company_name', 'account_name', 'account_size', 'employee_count', 'crm_segment',
            'plan_tier', 'vertical', 'owner_name', 'email_sha256', 'city', 'country_code', 'is_active',
            'crm_cs_score', 'is_fraud', 'signed_up_at', 'data_source',
        ]
    ) }}
),

final as (
    select
        *,
        cast(signed_up_at as date) as signed_up_date
    from newest
)

select * from final
