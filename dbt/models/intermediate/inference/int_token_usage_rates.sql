-- Grain: one row per entity (model, account), grain (week, month, ytd) and period with a request.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_periods',
    unique_key=['grain', 'period_start'],
    meta={'follows': 'int_token_usage_entity_minute', 'grains': ['week', 'month', 'ytd']},
) }}
{#
  Rates are those of a whole model or account, over all its regions, scopes and traffic types. A minute
  without a request is no minute here.
#}
with periods as (

    {% if is_incremental() -%}
    {{ periods_to_build() }}
    {%- else -%}
    select
        grain,
        period_start,
        observed_end
    from {{ ref('int_usage_period') }}
    {%- endif %}

),

minutes as (

    select
        entity_type,
        entity_id,
        usage_date,
        cast(request_count as {{ type_double() }}) as request_count,
        cast(total_tokens as {{ type_double() }}) as token_count
    from {{ ref('int_token_usage_entity_minute') }}
    {%- if is_incremental() %}
    where usage_date >= {{ first_day_to_build() }}
    {%- endif %}

),

rates as (

    select
        minutes.entity_type,
        minutes.entity_id,
        periods.grain,
        periods.period_start,
        periods.observed_end,
        count(*) as active_minutes,
        max(minutes.request_count) as requests_peak,
        percentile_cont(0.90) within group (order by minutes.request_count) as requests_p90,
        percentile_cont(0.95) within group (order by minutes.request_count) as requests_p95,
        percentile_cont(0.97) within group (order by minutes.request_count) as requests_p97,
        max(minutes.token_count) as tokens_peak,
        percentile_cont(0.90) within group (order by minutes.token_count) as tokens_p90,
        percentile_cont(0.95) within group (order by minutes.token_count) as tokens_p95,
        percentile_cont(0.97) within group (order by minutes.token_count) as tokens_p97
    from minutes
    inner join periods
        on
            minutes.usage_date >= periods.period_start
            and minutes.usage_date <= periods.observed_end
    group by
        minutes.entity_type, minutes.entity_id, periods.grain, periods.period_start,
        periods.observed_end

),

final as (

    select
        entity_type,
        entity_id,
        grain,
        period_start,
        observed_end,
        active_minutes,
        cast(requests_peak as numeric(18, 6)) as requests_per_minute_peak,
        cast(requests_p90 as numeric(18, 6)) as requests_per_minute_p90,
        cast(requests_p95 as numeric(18, 6)) as requests_per_minute_p95,
        cast(requests_p97 as numeric(18, 6)) as requests_per_minute_p97,
        cast(tokens_peak as numeric(18, 6)) as tokens_per_minute_peak,
        cast(tokens_p90 as numeric(18, 6)) as tokens_per_minute_p90,
        cast(tokens_p95 as numeric(18, 6)) as tokens_per_minute_p95,
        cast(tokens_p97 as numeric(18, 6)) as tokens_per_minute_p97
    from rates

)

select * from final
