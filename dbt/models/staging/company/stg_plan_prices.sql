-- Grain: one row per plan tier, model variant, currency and first day of the price.
with

source as (
    {{ delivered('company', 'plan_prices') }}
),

cleaned as (
    select
        lower(trim(plan_tier)) as plan_tier,
        trim(model_variant) as model_variant,
        upper(trim(currency)) as currency_code,
        cast(valid_from as date) as valid_from,
        cast(price as numeric(18, 6)) as price,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

newest as (
    {{ newest_version(
        key=['plan_tier', 'model_variant', 'currency_code', 'valid_from'], tie_breakers=['price']
    ) }}
),

final as (
    select
        *,
        lead(valid_from, 1, cast('9999-12-31' as date)) over (
            partition by plan_tier, model_variant, currency_code
            order by valid_from asc nulls last
        ) as valid_to
    from newest
)

select * from final
