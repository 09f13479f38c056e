-- Product events, each in its newest version. Gold counts the uses of a known feature; the last
-- table that counts the others is one of silver.
{% from '_macros.sql' import compared, open_days with context %}
{%- set day = "cast(timezone('UTC', event_timestamp) as date)" %}
{%- set is_known = "coalesce(feature_name, '') not in ('', 'Unknown')" %}
{%- set is_use = "(event_type = 'feature_used' and " ~ is_known ~ ")" %}
{%- set unit = "case when " ~ is_use ~ " then 'feature uses' else 'other events' end" %}
with open_items as (

    {{ open_days('int_product_events', 'product_usage_events', day, 'event_id') }}

),

ranked as (

    select
        lower(trim(event_type)) as event_type,
        trim(feature_name) as feature_name,
        {{ day }} as day,
        row_number() over (
            partition by event_id
            order by loaded_at desc, event_timestamp desc
        ) as version_rank
    from raw_bronze.product_usage_events
    where not {{ is_forbidden('product_usage_events') }}

),

bronze as (

    select
        {{ unit }} as unit,
        day,
        day as item,
        1 as value
    from ranked
    where version_rank = 1

),

silver as (

    select
        {{ unit }} as unit,
        occurred_date as day,
        occurred_date as item,
        1 as value
    from {{ ref('int_product_events') }}

),

gold as (

    select
        'feature uses' as unit,
        usage_date as day,
        usage_date as item,
        event_count as value
    from {{ ref('fct_feature_usage_daily') }}

    union all

    select
        'other events' as unit,
        usage_date as day,
        usage_date as item,
        event_count as value
    from {{ ref('int_product_usage_daily') }}
    where not {{ is_use }}

),

{{ compared() }}
