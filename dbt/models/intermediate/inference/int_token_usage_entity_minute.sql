-- Grain: one row per entity (model, account) and minute with a request.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='usage_date',
    indexes=[{'columns': ['usage_date']}],
    meta={'follows': 'int_token_usage_minute'},
) }}
with minutes as (

    select * from {{ ref('int_token_usage_minute') }}
    {%- if is_incremental() %}
    where usage_date in ({{ days_to_build() }})
    {%- endif %}

),

final as (

    select
        'model' as entity_type,
        model_variant as entity_id,
        usage_date,
        usage_minute_at,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(total_tokens) as bigint) as total_tokens
    from minutes
    group by model_variant, usage_date, usage_minute_at

    union all

    select
        'account' as entity_type,
        account_id as entity_id,
        usage_date,
        usage_minute_at,
        cast(sum(request_count) as bigint) as request_count,
        cast(sum(total_tokens) as bigint) as total_tokens
    from minutes
    group by account_id, usage_date, usage_minute_at

)

select * from final
