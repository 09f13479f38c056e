-- Grain: one row per account, API and day with at least one request.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_days',
    unique_key='usage_date',
    indexes=[{'columns': ['usage_date']}],
    meta={'follows': 'int_requests'},
) }}
with requests as (

    select * from {{ ref('int_requests') }}
    {%- if is_incremental() %}
    where requested_date in ({{ days_to_build() }})
    {%- endif %}

),

final as (

    select
        account_id,
        api_name,
        requested_date as usage_date,
        count(*) as request_count
    from requests
    group by account_id, api_name, requested_date

)

select * from final
