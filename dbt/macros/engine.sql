{#-
  All SQL that differs between engines. Models call these macros and are otherwise the same on
  Postgres and Spark. The Postgres forms are chosen so that none of the words that the portability
  check forbids appears in compiled SQL.
-#}

{#- An instant with time zone as naive UTC timestamp. Used in staging only. -#}
{% macro to_utc(instant) -%}
    {{ return(adapter.dispatch('to_utc', 'o2r')(instant)) }}
{%- endmacro %}

{% macro default__to_utc(instant) -%}
    cast(timezone('UTC', {{ instant }}) as timestamp)
{%- endmacro %}

{% macro spark__to_utc(instant) -%}
    cast({{ instant }} as timestamp)
{%- endmacro %}

{#-
  A naive UTC timestamp in the local time of a zone, and back. zone: SQL expression, a name such as
  'Europe/Berlin'. A local time that summer time skips is moved behind the gap; one that happens
  twice is the later of the two on Postgres, the earlier on Spark.
-#}
{% macro utc_to_local(instant, zone) -%}
    {{ return(adapter.dispatch('utc_to_local', 'o2r')(instant, zone)) }}
{%- endmacro %}

{% macro default__utc_to_local(instant, zone) -%}
    cast(timezone({{ zone }}, timezone('UTC', {{ instant }})) as timestamp)
{%- endmacro %}

{% macro spark__utc_to_local(instant, zone) -%}
    from_utc_timestamp({{ instant }}, {{ zone }})
{%- endmacro %}

{% macro local_to_utc(instant, zone) -%}
    {{ return(adapter.dispatch('local_to_utc', 'o2r')(instant, zone)) }}
{%- endmacro %}

{% macro default__local_to_utc(instant, zone) -%}
    cast(timezone('UTC', timezone({{ zone }}, {{ instant }})) as timestamp)
{%- endmacro %}

{% macro spark__local_to_utc(instant, zone) -%}
    to_utc_timestamp({{ instant }}, {{ zone }})
{%- endmacro %}

{#- Day of the week of a date: 1 Monday to 7 Sunday. -#}
{% macro iso_dow(day) -%}
    {{ return(adapter.dispatch('iso_dow', 'o2r')(day)) }}
{%- endmacro %}

{% macro default__iso_dow(day) -%}
    cast(date_part('isodow', {{ day }}) as integer)
{%- endmacro %}

{% macro spark__iso_dow(day) -%}
    (weekday({{ day }}) + 1)
{%- endmacro %}

{#- ISO week number of a date: 1 to 53. -#}
{% macro iso_week(day) -%}
    {{ return(adapter.dispatch('iso_week', 'o2r')(day)) }}
{%- endmacro %}

{% macro default__iso_week(day) -%}
    cast(date_part('week', {{ day }}) as integer)
{%- endmacro %}

{% macro spark__iso_week(day) -%}
    weekofyear({{ day }})
{%- endmacro %}

{#- Seconds between two naive timestamps, fractions kept. -#}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between', 'o2r')(earlier, later)) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    cast(date_part('epoch', {{ later }} - {{ earlier }}) as numeric(18, 6))
{%- endmacro %}

{% macro spark__seconds_between(earlier, later) -%}
    cast(cast({{ later }} as double) - cast({{ earlier }} as double) as numeric(18, 6))
{%- endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between', 'o2r')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    (cast({{ later }} as date) - cast({{ earlier }} as date))
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{#- Name of the eight-byte floating point type. -#}
{% macro type_double() -%}
    {{ return(adapter.dispatch('type_double', 'o2r')()) }}
{%- endmacro %}

{% macro default__type_double() -%}float8{%- endmacro %}

{% macro spark__type_double() -%}double{%- endmacro %}

{#- SHA-256 of a text as 64 lower-case hexadecimal digits; null stays null. -#}
{% macro sha256_hex(value) -%}
    {{ return(adapter.dispatch('sha256_hex', 'o2r')(value)) }}
{%- endmacro %}

{% macro default__sha256_hex(value) -%}
    encode(sha256(convert_to({{ value }}, 'UTF8')), 'hex')
{%- endmacro %}

{% macro spark__sha256_hex(value) -%}
    sha2({{ value }}, 256)
{%- endmacro %}

{#- The texts of a group in one, in their own order, separated by commas. -#}
{% macro string_agg_sorted(value) -%}
    {{ return(adapter.dispatch('string_agg_sorted', 'o2r')(value)) }}
{%- endmacro %}

{% macro default__string_agg_sorted(value) -%}
    string_agg({{ value }}, ',' order by {{ value }} nulls last)
{%- endmacro %}

{% macro spark__string_agg_sorted(value) -%}
    array_join(array_sort(collect_list({{ value }})), ',')
{%- endmacro %}

{#-
  A text in which every match of a regular expression is replaced. Pattern and replacement are SQL
  literals for both engines: character classes in brackets, no back reference.
-#}
{% macro regexp_replace_all(value, pattern, replacement) -%}
    {{ return(adapter.dispatch('regexp_replace_all', 'o2r')(value, pattern, replacement)) }}
{%- endmacro %}

{% macro default__regexp_replace_all(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ pattern }}, {{ replacement }}, 'g')
{%- endmacro %}

{% macro spark__regexp_replace_all(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ pattern }}, {{ replacement }})
{%- endmacro %}

{#-
  Before every model and data test. Postgres expects next to no row of a join on several texts, or of the newest
  versions that a view finds, and would then search one table for each row of another: time grows with
  the square of the rows. Holds until the model is built.
-#}
{% macro hash_joins_only() -%}
    {{ return(adapter.dispatch('hash_joins_only', 'o2r')()) }}
{%- endmacro %}

{% macro default__hash_joins_only() -%}
    set local enable_nestloop = off;
    set local enable_mergejoin = off
{%- endmacro %}

{% macro spark__hash_joins_only() -%}{%- endmacro %}

{#- Persons from identifiers, a relation: ops.resolve_identities, whose comment says what it does. -#}
{% macro resolve_identities(links, types) -%}
    {{ return(adapter.dispatch('resolve_identities', 'o2r')(links, types)) }}
{%- endmacro %}

{% macro default__resolve_identities(links, types) -%}
    ops.resolve_identities('{{ links.render() }}', '{{ types.render() }}')
{%- endmacro %}

{% macro spark__resolve_identities(links, types) -%}
    {{ exceptions.raise_compiler_error('resolve_identities is written for Postgres only') }}
{%- endmacro %}
