{#-
  A mart of revenue at one grain: the rows of it in `periods`, with a name for their first day that
  says which. The columns are those of its contract.
  periods: relation; grain: week, month or ytd; period_start: that name.
-#}
{% macro revenue_of_grain(periods, grain, period_start) -%}
select
    {%- for column in model.columns %}
    {{ 'period_start as ' ~ column if column == period_start else column }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ periods }}
where grain = '{{ grain }}'
{%- endmacro %}

{#- Columns that the revenue of accounts and of models by period have in common. -#}
{% macro revenue_measures() -%}
        grain,
        period_start,
        is_complete,
        observed_end,
        observed_days,
        active_days,
        currency_count,
        gross_revenue_input,
        gross_revenue_output,
        gross_revenue_cache_read,
        gross_revenue_cache_write,
        gross_revenue,
        savings_plan_amount,
        discount_amount,
        {{ pct(
            'discount_amount',
            'case when gross_revenue > 0 then gross_revenue end'
        ) }} as discount_pct,
        net_revenue,
        pay_as_you_go_revenue,
        savings_plan_revenue,
        committed_use_revenue,
        other_billing_revenue,
        {{ ratio('net_revenue', 'observed_days') }} as daily_net_revenue_mean,
        {{ ratio('net_revenue', 'active_days') }} as active_day_net_revenue_mean,
        daily_net_revenue_max,
        daily_net_revenue_min,
        previous_net_revenue,
        cast(net_revenue - previous_net_revenue as numeric(24, 6)) as net_revenue_change,
        -- Growth from nothing, or from a net credit, has no meaning.
        {{ pct(
            'net_revenue - previous_net_revenue',
            'case when previous_net_revenue > 0 then previous_net_revenue end'
        ) }} as net_revenue_change_pct,
        {{ pct(
            'net_revenue',
            'case when total_net_revenue > 0 then total_net_revenue end'
        ) }} as net_revenue_share_pct,
        {{ pct(
            'cumulative_net_revenue',
            'case when total_net_revenue > 0 then total_net_revenue end'
        ) }} as cumulative_share_pct,
        rank() over (
            partition by grain, period_start
            order by net_revenue desc nulls last
        ) as rank_overall
{%- endmacro %}

{#-
  Select currency_code, rate_date and rate of the currencies and days that occur in a relation. Its rows
  meet them by equality; by the ranges of int_exchange_rates each would be compared with all rates that
  its currency ever had.
  day, currency: SQL.
-#}
{% macro rates_of_days(relation, day, currency='currency_code') -%}
    select
        days.currency_code,
        days.rate_date,
        rates.rate
    from (
        select distinct
            {{ currency }} as currency_code,
            {{ day }} as rate_date
        from {{ relation }}
    ) as days
    inner join {{ ref('int_exchange_rates') }} as rates
        on
            days.currency_code = rates.currency_code
            and days.rate_date >= rates.valid_from
            and days.rate_date < rates.valid_to
{%- endmacro %}
