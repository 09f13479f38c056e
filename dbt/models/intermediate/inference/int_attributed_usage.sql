-- Grain: one row per account, model variant, region, scope, traffic type and day with a request, up
-- to the as-of day.
{{ config(materialized='ephemeral') }}
{# Usage with the attributes that its account and model have today, by which it is reported. #}
with usage as (select * from {{ ref('int_observed_usage') }}),

accounts as (

    select * from {{ ref('int_account_history') }}
    where is_current

),

models as (select * from {{ ref('int_model_current') }}),

final as (

    select
        usage.account_id,
        usage.model_variant,
        usage.source_region,
        usage.usage_date,
        coalesce(accounts.plan_tier, 'Unknown') as plan_tier,
        coalesce(accounts.segment, 'Unknown') as segment,
        coalesce(models.product_sku, 'Unknown') as product,
        -- Weeks 1 to 13 of the age of the account.
        coalesce(
            usage.usage_date >= accounts.signed_up_date
            and usage.usage_date < cast(
                accounts.signed_up_date + interval '{{ var("adoption_window_days") }} day' as date
            ),
            false
        ) as is_onboarding,
        usage.request_count,
        usage.error_count,
        usage.throttled_count,
        usage.unavailable_count,
        usage.latency_count
    from usage
    left join accounts
        on usage.account_id = accounts.account_id
    left join models
        on usage.model_variant = models.model_variant

)

select * from final
