-- Grain: one row per account, product user and change; every version is kept.
with

source as (
    {{ delivered('product', 'account_members') }}
),

cleaned as (
    select
        trim(account_id) as account_id,
        trim(product_user_id) as product_user_id,
        nullif(lower(trim(team)), '') as team,
        {{ text_or_unknown('lower(role)') }} as role,
        {{ to_utc('invited_at') }} as invited_at,
        {{ to_utc('activated_at') }} as activated_at,
        {{ to_utc('removed_at') }} as removed_at,
        {{ to_utc('updated_at') }} as updated_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['account_id', 'product_user_id', 'updated_at'],
        tie_breakers=['team', 'role', 'invited_at', 'activated_at', 'removed_at']
    ) }}
)

select * from newest
