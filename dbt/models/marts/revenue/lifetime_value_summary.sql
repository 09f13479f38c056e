-- Grain: one row per grain (week, month), period and member of each account dimension since
-- revenue is observed.
{#
  CLTV = monthly ARPA x lifetime in months. cltv assumes the lifetime (var assumed_lifetime_months);
  cltv_observed divides by the monthly share of paying accounts lost over the last 12 months.
#}
with revenue as (

    select * from {{ ref('revenue_summary') }}
    where dimension <> 'product'

),

retention as (

    select * from {{ ref('nrr_summary') }}
    where grain = 'month'

),

-- Churn is known up to the newest month that had ended by the end of the period.
churn_months as (

    select
        periods.grain,
        periods.period_start,
        max(months.period_start) as month_start
    from {{ ref('int_period') }} as periods
    inner join {{ ref('int_period') }} as months
        on
            months.grain = 'month'
            and months.is_complete
            and periods.observed_end >= months.period_end
    group by periods.grain, periods.period_start

),

monthly as (

    select
        revenue.grain,
        revenue.period_start,
        revenue.dimension,
        revenue.dimension_value,
        revenue.is_complete,
        -- A part of a period says nothing about a month.
        case
            when revenue.is_complete
                then
                    cast(
                        case revenue.grain when 'week' then {{ var('weeks_per_month') }} else 1 end
                        * cast(revenue.arpa as numeric(18, 6)) as numeric(24, 8)
                    )
        end as monthly_arpa,
        retention.monthly_logo_churn_pct
    from revenue
    left join churn_months
        on {{ columns_equal('revenue', 'churn_months', ['grain', 'period_start']) }}
    left join retention
        on
            churn_months.month_start = retention.period_start
            and retention.is_complete
            and revenue.dimension = retention.dimension
            and revenue.dimension_value = retention.dimension_value

),

final as (

    select
        grain,
        period_start,
        dimension,
        dimension_value,
        is_complete,
        cast(monthly_arpa as numeric(24, 6)) as monthly_arpa,
        cast({{ var('assumed_lifetime_months') }} as numeric(24, 6)) as assumed_lifetime_months,
        cast(monthly_arpa * {{ var('assumed_lifetime_months') }} as numeric(24, 6)) as cltv,
        monthly_logo_churn_pct,
        {{ ratio('100 * monthly_arpa', 'monthly_logo_churn_pct') }} as cltv_observed
    from monthly

)

select * from final
