{#- Engines: DuckDB, which reads the files of the lake (docs/scaling.md). -#}

{#-
  Functions that DuckDB lacks, or has otherwise. `a / b` is a double there, whose last digits decide
  how a ratio is rounded: here the double is corrected by what is left over, to 15 exact decimals.
-#}
{% macro duckdb__prepare_engine() -%}
    create or replace macro regexp_like(value, pattern) as regexp_matches(value, pattern);
    create or replace macro "/"(a, b) as
        cast(divide(a, b) as decimal(38, 9))
        + cast(
            divide(
                cast(a as decimal(38, 12))
                - cast(divide(a, b) as decimal(38, 9)) * cast(b as decimal(38, 12)),
                b
            ) as decimal(38, 15)
        )
{%- endmacro %}

{% macro duckdb__double_quotient(dividend, divisor) -%}
    divide({{ dividend }}, {{ divisor }})
{%- endmacro %}

{% macro duckdb__to_utc(instant) -%}
    cast({{ instant }} as timestamp)
{%- endmacro %}

{% macro duckdb__seconds_between(earlier, later) -%}
    cast(
        cast(date_diff('microsecond', {{ earlier }}, {{ later }}) as numeric(20, 0)) / 1000000
        as numeric(18, 6)
    )
{%- endmacro %}

{% macro duckdb__sha256_hex(value) -%}
    sha256({{ value }})
{%- endmacro %}

{% macro duckdb__finite_numeric(value) -%}
    cast({{ value }} as numeric(18, 6))
{%- endmacro %}

{#- Of decimals DuckDB interpolates in decimals. Postgres takes 15 digits of a double into a numeric. -#}
{% macro duckdb__percentile(fraction, value) -%}
    cast(
        printf('%.14e', percentile_cont({{ fraction }}) within group (order by cast({{ value }} as double)))
        as decimal(38, 15)
    )
{%- endmacro %}

{% macro duckdb__title_case(value) -%}
    list_aggregate(
        list_transform(
            regexp_extract_all(lower({{ value }}), '[\p{L}\p{N}]+|[^\p{L}\p{N}]+'),
            lambda word: upper(word[1]) || word[2:]
        ),
        'string_agg', ''
    )
{%- endmacro %}

{#- NaN there where a value does not vary. -#}
{% macro duckdb__correlation(value, other) -%}
    case when not isnan(corr({{ value }}, {{ other }})) then corr({{ value }}, {{ other }}) end
{%- endmacro %}

{% macro duckdb__hash_joins_only() -%}{%- endmacro %}

{% macro duckdb__resolve_identities(links, types) -%}
    handed.resolved_identities
{%- endmacro %}

{#- dbt's own macros as this project needs them there. -#}

{#- A database of one user: readers are served from Postgres. -#}
{% macro duckdb__apply_grants(relation, grant_config, should_revoke=True) %}{% endmacro %}

{#- Types of a contract are compared once gold is back in Postgres. -#}
{% macro duckdb__get_assert_columns_equivalent(sql) %}{% endmacro %}
