{#-
  All SQL that differs between engines. Models call these macros and are otherwise the same on
  Postgres, DuckDB and Spark; a form stands in the file of its engine beside this one. The Postgres forms
  are chosen so that none of the words that the portability check forbids appears in compiled SQL.
-#}

{#- An instant with time zone as naive UTC timestamp. Used in staging only. -#}
{% macro to_utc(instant) -%}
    {{ return(adapter.dispatch('to_utc', 'o2r')(instant)) }}
{%- endmacro %}

{#-
  A naive UTC timestamp in the local time of a zone, and back. zone: SQL expression, a name such as
  'Europe/Berlin'. A local time that summer time skips is moved behind the gap; one that happens
  twice is the later of the two on Postgres, the earlier on Spark.
-#}
{% macro utc_to_local(instant, zone) -%}
    {{ return(adapter.dispatch('utc_to_local', 'o2r')(instant, zone)) }}
{%- endmacro %}

{% macro local_to_utc(instant, zone) -%}
    {{ return(adapter.dispatch('local_to_utc', 'o2r')(instant, zone)) }}
{%- endmacro %}

{#- Day of the week of a date: 1 Monday to 7 Sunday. -#}
{% macro iso_dow(day) -%}
    {{ return(adapter.dispatch('iso_dow', 'o2r')(day)) }}
{%- endmacro %}

{#- ISO week number of a date: 1 to 53. -#}
{% macro iso_week(day) -%}
    {{ return(adapter.dispatch('iso_week', 'o2r')(day)) }}
{%- endmacro %}

{#- Seconds between two naive timestamps, fractions kept. -#}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between', 'o2r')(earlier, later)) }}
{%- endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between', 'o2r')(earlier, later)) }}
{%- endmacro %}

{#- Name of the eight-byte floating point type. -#}
{% macro type_double() -%}
    {{ return(adapter.dispatch('type_double', 'o2r')()) }}
{%- endmacro %}

{#- SHA-256 of a text as 64 lower-case hexadecimal digits; null stays null. -#}
{% macro sha256_hex(value) -%}
    {{ return(adapter.dispatch('sha256_hex', 'o2r')(value)) }}
{%- endmacro %}

{#- The texts of a group in one, in their own order, separated by commas. -#}
{% macro string_agg_sorted(value) -%}
    {{ return(adapter.dispatch('string_agg_sorted', 'o2r')(value)) }}
{%- endmacro %}

{#-
  A text in which every match of a regular expression is replaced. Pattern and replacement are SQL
  literals for both engines: character classes in brackets, no back reference.
-#}
{% macro regexp_replace_all(value, pattern, replacement) -%}
    {{ return(adapter.dispatch('regexp_replace_all', 'o2r')(value, pattern, replacement)) }}
{%- endmacro %}

{#-
  Before every model and data test. Postgres expects next to no row of a join on several texts, or of the newest
  versions that a view finds, and would then search one table for each row of another: time grows with
  the square of the rows. Holds until the model is built.
-#}
{% macro hash_joins_only() -%}
    {{ return(adapter.dispatch('hash_joins_only', 'o2r')()) }}
{%- endmacro %}

{#- Persons from identifiers, a relation: ops.resolve_identities, whose comment says what it does. -#}
{% macro resolve_identities(links, types) -%}
    {{ return(adapter.dispatch('resolve_identities', 'o2r')(links, types)) }}
{%- endmacro %}

{#- A measure as numeric(18, 6); null where it is NaN, which only Postgres has among its numerics. -#}
{% macro finite_numeric(value) -%}
    {{ return(adapter.dispatch('finite_numeric', 'o2r')(value)) }}
{%- endmacro %}

{#-
  Percentile of the values of a group, interpolated as Postgres does it: lower + part * (upper -
  lower) in double precision. value: SQL expression; fraction: 0 to 1.
-#}
{% macro percentile(fraction, value) -%}
    {{ return(adapter.dispatch('percentile', 'o2r')(fraction, value)) }}
{%- endmacro %}

{#- Each word of a text with a capital first letter and small others; words are of letters and digits. -#}
{% macro title_case(value) -%}
    {{ return(adapter.dispatch('title_case', 'o2r')(value)) }}
{%- endmacro %}

{#- At the start of a run: what a new database of the engine lacks. -#}
{% macro prepare_engine() -%}
    {{ return(adapter.dispatch('prepare_engine', 'o2r')()) }}
{%- endmacro %}

{#- The quotient of two doubles. That of two decimals is written `a / b` everywhere. -#}
{% macro double_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('double_quotient', 'o2r')(dividend, divisor)) }}
{%- endmacro %}

{#- Correlation of two doubles over a group; null where one of them is the same in every row. -#}
{% macro correlation(value, other) -%}
    {{ return(adapter.dispatch('correlation', 'o2r')(value, other)) }}
{%- endmacro %}
