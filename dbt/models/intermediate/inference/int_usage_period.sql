-- Grain: one row per grain (week, month, ytd) and period with at least one request.
{#
  What else than its requests decides the figures of a period: how far it has been observed, and the
  attributes of its accounts and models, as a fingerprint. Incremental models by period compare both
  with what they were built with.
#}
with periods as (select * from {{ ref('int_reporting_period') }}),

usage as (

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

dated as (

    {{ by_grain('usage', 'usage_date') }}

),

used as (

    select distinct
        dated.grain,
        dated.period_start,
        dated.account_id,
        dated.model_variant
    from dated
    inner join periods
        on {{ columns_equal('dated', 'periods', ['grain', 'period_start']) }}
    where dated.usage_date <= periods.observed_end

    union all

    -- One period, the year to date.
    select distinct
        periods.grain,
        periods.period_start,
        usage.account_id,
        usage.model_variant
    from usage
    inner join periods
        on
            usage.usage_date >= periods.period_start
            and usage.usage_date <= periods.observed_end
    where periods.grain = 'ytd'

),

members as (

    select distinct
        used.grain,
        used.period_start,
        concat_ws(
            '|', 'account', used.account_id, accounts.plan_tier, accounts.segment,
            cast(accounts.signed_up_date as varchar(10))
        ) as member
    from used
    left join accounts
        on used.account_id = accounts.account_id

    union all

    select distinct
        used.grain,
        used.period_start,
        concat_ws('|', 'model', used.model_variant, models.product_sku) as member
    from used
    left join models
        on used.model_variant = models.model_variant

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
    from periods
    inner join fingerprints
        on {{ columns_equal('periods', 'fingerprints', ['grain', 'period_start']) }}

)

select * from final
