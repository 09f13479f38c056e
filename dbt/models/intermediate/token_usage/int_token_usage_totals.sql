-- Grain: one row per entity (model variant or account), grain (week, month, ytd) and period with at
-- least one request, of the reporting periods and those that they compare with.
{%- set measures = [
    'request_count', 'error_count', 'throttled_count', 'unavailable_count', 'input_tokens',
    'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'total_tokens',
] %}
with periods as (select * from {{ ref('int_usage_comparison') }}),

-- The days of each period, and of the one that it compares with.
period_days as (

    select
        grain,
        period_start,
        date_day
    from ({{ days_of_periods(
        'periods', 'period_start', 'period_start', 'observed_end'
    ) }}) as days

    union

    select
        grain,
        previous_period_start as period_start,
        date_day
    from ({{ days_of_periods(
        'periods', 'previous_period_start', 'previous_period_start', 'previous_period_end'
    ) }}) as days

),

usage as (

    select
        account_id,
        model_variant,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        usage_date
    from {{ ref('int_observed_usage') }}
    group by account_id, model_variant, usage_date

),

-- The counterpart of a model is the account that uses it, that of an account the model it uses.
entity_usage as (

    {%- for entity_type, entity, counterpart in [
        ('model', 'model_variant', 'account_id'), ('account', 'account_id', 'model_variant'),
    ] %}

    select
        '{{ entity_type }}' as entity_type,
        {{ entity }} as entity_id,
        {{ counterpart }} as counterpart_id,
        usage_date,
        {{ measures | join(', ') }}
    from usage
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

counterparts as (

    select
        entity_usage.entity_type,
        entity_usage.entity_id,
        period_days.grain,
        period_days.period_start,
        count(distinct entity_usage.counterpart_id) as counterpart_count
    from entity_usage
    inner join period_days
        on entity_usage.usage_date = period_days.date_day
    group by
        entity_usage.entity_type, entity_usage.entity_id, period_days.grain,
        period_days.period_start

),

entity_days as (

    select
        entity_type,
        entity_id,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }},
        {%- endfor %}
        usage_date
    from entity_usage
    group by entity_type, entity_id, usage_date

),

totals as (

    select
        entity_days.entity_type,
        entity_days.entity_id,
        period_days.grain,
        period_days.period_start,
        {%- for measure in measures %}
        sum(entity_days.{{ measure }}) as {{ measure }},
        {%- endfor %}
        count(*) as active_days,
        max(entity_days.request_count) as daily_requests_max,
        min(entity_days.request_count) as daily_requests_min,
        max(entity_days.total_tokens) as daily_tokens_max,
        min(entity_days.total_tokens) as daily_tokens_min
    from entity_days
    inner join period_days
        on entity_days.usage_date = period_days.date_day
    group by
        entity_days.entity_type, entity_days.entity_id, period_days.grain,
        period_days.period_start

),

final as (

    select
        totals.*,
        counterparts.counterpart_count
    from totals
    inner join counterparts
        on {{ columns_equal('totals', 'counterparts', [
            'entity_type', 'entity_id', 'grain', 'period_start',
        ]) }}

)

select * from final
