-- Net revenue by currency, each row in its newest believed version.
{% from '_macros.sql' import believed, compared, open_days with context %}
{%- set table = 'revenue_account_daily' %}
{%- set known = "coalesce(nullif(trim({}), ''), 'Unknown')" %}
{%- set key = [
    'trim(account_id)', known.format('product_sku'), known.format('model_variant'),
    'lower(trim(inference_scope))', known.format('region'), 'lower(trim(billing_type))',
    'upper(trim(currency_code))', 'revenue_date',
] | join(', ') %}
{%- set charges = [
    'gross_revenue_input_tokens', 'gross_revenue_output_tokens',
    'gross_revenue_cache_read_tokens', 'gross_revenue_cache_write_tokens',
] %}
{%- set credits = ['savings_plan_amount', 'discount_amount'] %}
with open_items as (

    {{ open_days('int_revenue_daily', table, 'revenue_date', 'revenue_date') }}

),

versions as (

    {{ believed(table, "timezone('UTC', cast(snapshot_date as timestamp))", key) }}

),

ranked as (

    select
        upper(trim(currency_code)) as unit,
        revenue_date as day,
        {% for amount in charges + credits -%}
        {{ '- ' if amount in credits else '+ ' if not loop.first -}}
        cast(coalesce({{ amount }}, 0) as numeric(18, 6))
        {% endfor -%} as value,
        row_number() over (
            partition by {{ key }}
            order by
                believed_at desc nulls last,
                loaded_at desc,
                coalesce({{ (charges + credits) | join(', 0) desc, coalesce(') }}, 0) desc
        ) as version_rank
    from versions

),

bronze as (

    select
        unit,
        day,
        day as item,
        value
    from ranked
    where version_rank = 1

),

silver as (

    select
        currency_code as unit,
        revenue_date as day,
        revenue_date as item,
        net_revenue as value
    from {{ ref('int_revenue_daily') }}

),

gold as (

    select
        currency_code as unit,
        revenue_date as day,
        revenue_date as item,
        net_revenue_in_currency as value
    from {{ ref('fct_revenue_daily') }}

),

{{ compared() }}
