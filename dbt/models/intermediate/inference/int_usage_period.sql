-- Grain: one row per grain (week, month, ytd) and period with at least one request.
{#
  What else than its requests decides the figures of a period: how far it has been observed, and the
  attributes of its accounts and models, as a fingerprint. Incremental models by period compare both
  with what they were built with.
#}
with usage as (

    select distinct
        usage_date,
        account_id,
        model_variant
    from {{ ref('int_token_usage_daily') }}

),

accounts as (

    select * from {{ ref('int_account_history') }}
    where is_current

),

models as (select * from {{ ref('int_model_current') }}),

members as (

    select distinct
        periods.grain,
        periods.period_start,
        concat_ws('|', 'account', usage.account_id, accounts.plan_tier, accounts.segment) as member
    from {{ ref('int_reporting_period') }} as periods
    inner join usage
        on
            periods.period_start <= usage.usage_date
            and periods.observed_end >= usage.usage_date
    left join accounts
        on usage.account_id = accounts.account_id

    union all

    select distinct
        periods.grain,
        periods.period_start,
        concat_ws('|', 'model', usage.model_variant, models.product_sku) as member
    from {{ ref('int_reporting_period') }} as periods
    inner join usage
        on
            periods.period_start <= usage.usage_date
            and periods.observed_end >= usage.usage_date
    left join models
        on usage.model_variant = models.model_variant

),

fingerprints as (

    select
        grain,
        period_start,
        {{ sha256_hex(string_agg_sorted('member')) }} as attributes_sha256
    from members
    group by grain, period_start

),

final as (

    select
        periods.grain,
        periods.period_start,
        periods.period_end,
        periods.observed_end,
        periods.observed_days,
        periods.is_complete,
        fingerprints.attributes_sha256
    from {{ ref('int_reporting_period') }} as periods
    inner join fingerprints
        on {{ columns_equal('periods', 'fingerprints', ['grain', 'period_start']) }}

)

select * from final
