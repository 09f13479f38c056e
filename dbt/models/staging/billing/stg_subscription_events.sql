-- Grain: one row per contract and instant of an event (subscription_id, event_at).
{#
  A row tells a change: what it leaves blank is as it was before, the end of the contract apart (see
  int_contract_history). A row delivered again for its instant replaces the one before it as a whole.
#}
{%- set carried = [
    'plan_name', 'plan_type', 'mrr_amount', 'currency_code', 'started_at', 'renews_at',
] %}
with

source as (
    {{ delivered('billing', 'subscriptions') }}
),

cleaned as (
    select
        trim(subscription_id) as subscription_id,
        {{ to_utc('event_timestamp') }} as event_at,
        trim(crm_account_id) as account_id,
        nullif(trim(plan_name), '') as plan_name,
        nullif(lower(trim(plan_type)), '') as plan_type,
        cast(
            coalesce(
                cast(mrr as numeric(18, 6)), cast(arr as numeric(18, 6)) / 12
            ) as numeric(18, 6)
        ) as mrr_amount,
        nullif(upper(trim(currency)), '') as currency_code,
        lower(trim(status)) as status,
        -- Of two rows of one delivery, the later stage of a contract's life.
        case lower(trim(status)) when 'trial' then 1 when 'active' then 2 else 3 end
            as status_order,
        {{ to_utc('start_date') }} as started_at,
        {{ to_utc('renewal_date') }} as renews_at,
        {{ to_utc('cancellation_date') }} as cancelled_at,
        {{ to_utc('loaded_at') }} as loaded_at
    from source
),

ranked as (
    select
        *,
        {{ version_rank(
            key=['subscription_id', 'event_at'],
            newest=['loaded_at'],
            tie_breakers=[
                'status_order', 'status', 'account_id', 'plan_name', 'plan_type', 'mrr_amount',
                'currency_code', 'started_at', 'renews_at', 'cancelled_at',
            ]
        ) }} as version_rank
    from cleaned
),

told as (
    select
        *,
        {{ told_so_far(carried, 'subscription_id', 'event_at') }}
    from ranked
    where version_rank = 1
),

final as (
    select
        subscription_id,
        event_at,
        account_id,
        {%- for column in carried %}
        {%- set told = last_told(column, 'subscription_id', 'event_at') %}
        {% if column in ('plan_name', 'plan_type') -%}
        coalesce({{ told }}, 'Unknown') as {{ column }},
        {%- elif column == 'mrr_amount' -%}
        cast({{ told }} as numeric(18, 6)) as {{ column }},
        {%- else -%}
        {{ told }} as {{ column }},
        {%- endif %}
        {%- endfor %}
        status,
        cancelled_at,
        loaded_at
    from told
)

select * from final
