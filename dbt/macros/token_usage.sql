{#-
  Token usage marts: one row per period and account or model variant with at least one request.
  periods: relation; grain: week, month or ytd; period_start: name of the column that holds the first day of the period.
-#}
{% macro token_usage_of_accounts(periods, grain, period_start) -%}
with usage as (

    select * from {{ periods }}
    where
        entity_type = 'account'
        and grain = '{{ grain }}'

),

accounts as (select * from {{ ref('dim_account') }}),

history as (select * from {{ ref('int_account_history') }}),

final as (

    select
        usage.entity_id as account_id,
        usage.period_start as {{ period_start }},
        usage.observed_from_date,
        usage.observed_to_date,
        usage.observed_days,
        usage.is_complete,
        accounts.account_name,
        accounts.segment,
        accounts.plan_tier,
        accounts.vertical,
        accounts.home_region,
        coalesce(history.segment, 'Unknown') as segment_as_of_period_end,
        coalesce(history.plan_tier, 'Unknown') as plan_tier_as_of_period_end,
        {{ _token_usage('model_count') }}
        rank() over (
            partition by usage.period_start, accounts.segment
            order by usage.total_tokens desc nulls last
        ) as rank_in_segment,
        rank() over (
            partition by usage.period_start, accounts.vertical
            order by usage.total_tokens desc nulls last
        ) as rank_in_vertical,
        rank() over (
            partition by usage.period_start, accounts.home_region
            order by usage.total_tokens desc nulls last
        ) as rank_in_region
    from usage
    inner join accounts
        on usage.entity_id = accounts.account_id
    left join history
        on
            usage.entity_id = history.account_id
            and cast(usage.observed_to_date + interval '1 day' as timestamp)
            > history.valid_from_at
            and cast(usage.observed_to_date + interval '1 day' as timestamp)
            <= history.valid_to_at

)

select * from final
{%- endmacro %}

{% macro token_usage_of_models(periods, grain, period_start) -%}
with usage as (

    select * from {{ periods }}
    where
        entity_type = 'model'
        and grain = '{{ grain }}'

),

models as (select * from {{ ref('dim_model') }}),

final as (

    select
        usage.entity_id as model_variant,
        usage.period_start as {{ period_start }},
        usage.observed_from_date,
        usage.observed_to_date,
        usage.observed_days,
        usage.is_complete,
        models.display_name,
        models.publisher,
        models.product_sku as model_family,
        models.task,
        models.is_open_source,
        {{ _token_usage('account_count') }}
        rank() over (
            partition by usage.period_start, models.product_sku
            order by usage.total_tokens desc nulls last
        ) as rank_in_family
    from usage
    inner join models
        on usage.entity_id = models.model_variant

)

select * from final
{%- endmacro %}

{#- What both say of a period. counterpart: name of the count of models of an account, or the reverse. -#}
{% macro _token_usage(counterpart) -%}
        usage.request_count,
        usage.error_count,
        usage.throttled_count,
        usage.unavailable_count,
        usage.error_rate_pct,
        usage.throttle_rate_pct,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.total_tokens,
        usage.counterpart_count as {{ counterpart }},
        usage.active_minutes,
        usage.possible_minutes,
        usage.active_minutes_pct,
        usage.requests_per_minute_mean,
        usage.requests_per_calendar_minute_mean,
        usage.requests_per_minute_p90,
        usage.requests_per_minute_p95,
        usage.requests_per_minute_p97,
        usage.requests_per_minute_peak,
        usage.requests_peak_to_mean_ratio,
        usage.tokens_per_minute_mean,
        usage.tokens_per_calendar_minute_mean,
        usage.tokens_per_minute_p90,
        usage.tokens_per_minute_p95,
        usage.tokens_per_minute_p97,
        usage.tokens_per_minute_peak,
        usage.tokens_peak_to_mean_ratio,
        usage.active_days,
        usage.daily_requests_mean,
        usage.daily_requests_max,
        usage.daily_requests_min,
        usage.daily_tokens_mean,
        usage.daily_tokens_max,
        usage.daily_tokens_min,
        usage.previous_request_count,
        usage.request_count_change,
        usage.request_count_change_pct,
        usage.previous_total_tokens,
        usage.total_tokens_change,
        usage.total_tokens_change_pct,
        usage.tokens_share_pct,
        usage.cumulative_share_pct,
        usage.rank_overall,
{%- endmacro %}
