{#- Engines: PostgreSQL, and what the others have in common with it. -#}

{% macro default__to_utc(instant) -%}
    cast(timezone('UTC', {{ instant }}) as timestamp)
{%- endmacro %}

{% macro default__utc_to_local(instant, zone) -%}
    cast(timezone({{ zone }}, timezone('UTC', {{ instant }})) as timestamp)
{%- endmacro %}

{% macro default__local_to_utc(instant, zone) -%}
    cast(timezone('UTC', timezone({{ zone }}, {{ instant }})) as timestamp)
{%- endmacro %}

{% macro default__iso_dow(day) -%}
    cast(date_part('isodow', {{ day }}) as integer)
{%- endmacro %}

{% macro default__iso_week(day) -%}
    cast(date_part('week', {{ day }}) as integer)
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    cast(date_part('epoch', {{ later }} - {{ earlier }}) as numeric(18, 6))
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    (cast({{ later }} as date) - cast({{ earlier }} as date))
{%- endmacro %}

{% macro default__type_double() -%}float8{%- endmacro %}

{% macro default__sha256_hex(value) -%}
    encode(sha256(convert_to({{ value }}, 'UTF8')), 'hex')
{%- endmacro %}

{% macro default__string_agg_sorted(value) -%}
    string_agg({{ value }}, ',' order by {{ value }} nulls last)
{%- endmacro %}

{% macro default__regexp_replace_all(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ pattern }}, {{ replacement }}, 'g')
{%- endmacro %}

{% macro default__hash_joins_only() -%}
    set local enable_nestloop = off;
    set local enable_mergejoin = off
{%- endmacro %}

{% macro default__resolve_identities(links, types) -%}
    ops.resolve_identities('{{ links.render() }}', '{{ types.render() }}')
{%- endmacro %}

{% macro default__finite_numeric(value) -%}
    nullif(cast({{ value }} as numeric(18, 6)), cast('NaN' as numeric(18, 6)))
{%- endmacro %}

{% macro default__percentile(fraction, value) -%}
    percentile_cont({{ fraction }}) within group (order by {{ value }} nulls last)
{%- endmacro %}

{% macro default__title_case(value) -%}
    initcap({{ value }})
{%- endmacro %}

{% macro default__prepare_engine() -%}{%- endmacro %}

{% macro default__double_quotient(dividend, divisor) -%}
    (({{ dividend }}) / ({{ divisor }}))
{%- endmacro %}

{% macro default__correlation(value, other) -%}
    corr({{ value }}, {{ other }})
{%- endmacro %}
