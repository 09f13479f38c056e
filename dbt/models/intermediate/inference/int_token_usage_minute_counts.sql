-- Grain: one row per entity (model, account), day, requests per minute and bucket of tokens per
-- minute.
{# How many minutes are alike: the percentiles of a year are found without sorting its minutes. #}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='usage_date',
    indexes=[{'columns': ['usage_date']}],
    meta={'follows': 'int_token_usage_entity_minute'},
) }}
with minutes as (

    select * from {{ ref('int_token_usage_entity_minute') }}
    {%- if is_incremental() %}
    where usage_date in ({{ days_to_build() }})
    {%- endif %}

),

final as (

    select
        entity_type,
        entity_id,
        usage_date,
        request_count,
        {{ value_bucket('total_tokens') }} as token_bucket,
        count(*) as minute_count,
        max(total_tokens) as tokens_peak
    from minutes
    group by
        entity_type, entity_id, usage_date, request_count, {{ value_bucket('total_tokens') }}

)

select * from final
