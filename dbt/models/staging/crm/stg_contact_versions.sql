-- Grain: one row per contact and change (crm_contact_id, updated_at); every version is kept.
with

source as (
    {{ delivered('crm', 'crm_contacts') }}
),

countries as (select * from {{ ref('country_calling_codes') }}),

cleaned as (
    select
        trim(crm_contact_id) as crm_contact_id,
        nullif(trim(crm_account_id), '') as account_id,
        coalesce({{ hem('email') }}, {{ hem('hem') }}) as hem,
        coalesce({{ hem_meta('email') }}, {{ hem_meta('hem') }}) as hem_meta,
        phone as delivered_phone,
        {{ dialled_number('phone') }} as dialled,
        coalesce({{ delivered_sha256('phone') }}, {{ delivered_sha256('hphone') }})
            as delivered_hphone,
        {{ text_or_unknown('job_role') }} as job_role,
        {{ text_or_unknown('department') }} as department,
        {{ text_or_unknown('seniority_level') }} as seniority_level,
        {{ text_or_unknown('company_name') }} as company_name,
        {{ text_or_unknown('company_size') }} as company_size,
        {{ text_or_unknown('industry') }} as industry,
        {{ text_or_unknown('upper(country)') }} as country_code,
        {{ text_or_unknown('lead_source') }} as lead_source,
        {{ text_or_unknown('lead_medium') }} as lead_medium,
        {{ text_or_unknown('lead_campaign') }} as lead_campaign,
        {{ text_or_unknown('deal_stage') }} as deal_stage,
        cast(consent_marketing as boolean) as has_marketing_consent,
        {{ to_utc('consent_timestamp') }} as consent_at,
        {{ to_utc('created_at') }} as created_at,
        {{ to_utc('updated_at') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

dialled as (
    select
        cleaned.*,
        countries.calling_code,
        countries.trunk_prefix,
        {{ digits_from_abroad('cleaned.dialled', 'countries') }} as digits_from_abroad,
        {{ digits_at_home('cleaned.dialled', 'countries') }} as digits_at_home
    from cleaned
    left join countries on cleaned.country_code = countries.country_code
),

numbered as (
    select
        *,
        {{ e164_digits('delivered_phone', 'digits_from_abroad', 'digits_at_home', 'dialled') }}
            as phone_digits
    from dialled
),

hashed as (
    select
        *,
        coalesce({{ sha256_hex("'+' || phone_digits") }}, delivered_hphone) as hphone,
        -- Not of a hash delivered: that is one of the number with a +, and Meta's has none.
        {{ sha256_hex('phone_digits') }} as hphone_meta
    from numbered
),

newest as (
    {{ newest_version(
        key=['crm_contact_id', 'updated_at'],
        tie_breakers=[
            'account_id', 'hem', 'hem_meta', 'hphone', 'hphone_meta', 'job_role',
            'department', 'seniority_level', 'company_name', 'company_size', 'industry',
            'country_code', 'lead_source', 'lead_medium', 'lead_campaign', 'deal_stage',
            'has_marketing_consent', 'consent_at', 'created_at',
        ],
        versions='hashed',
    ) }}
)

select * from newest
