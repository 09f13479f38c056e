-- Requests, each in its newest version.
{% from '_macros.sql' import compared, open_days with context %}
{%- set day = "cast(timezone('UTC', event_timestamp) as date)" %}
{%- set feeds = [
    'inference_user_token_usage_open_source', 'inference_user_token_usage_proprietary',
] %}
with open_items as (

    {%- for feed in feeds %}
    {{ open_days('int_requests', feed, day, 'request_id') }}
    {{ 'union' if not loop.last }}
    {%- endfor %}

),

versions as (

    {%- for feed in feeds %}
    select
        '{{ feed }}' as feed,
        request_id,
        loaded_at,
        event_timestamp,
        {{ day }} as day
    from raw_bronze.{{ feed }}
    where not {{ is_forbidden(feed) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

ranked as (

    select
        day,
        row_number() over (
            partition by feed, request_id
            order by loaded_at desc, event_timestamp desc
        ) as version_rank
    from versions

),

bronze as (

    select
        'requests' as unit,
        day,
        day as item,
        1 as value
    from ranked
    where version_rank = 1

),

silver as (

    select
        'requests' as unit,
        requested_date as day,
        requested_date as item,
        1 as value
    from {{ ref('int_requests') }}

),

gold as (

    select
        'requests' as unit,
        usage_date as day,
        usage_date as item,
        request_count as value
    from {{ ref('fct_usage_daily') }}

),

{{ compared() }}
