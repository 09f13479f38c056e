{#- Engines: Apache Spark. -#}

{% macro spark__to_utc(instant) -%}
    cast({{ instant }} as timestamp)
{%- endmacro %}

{% macro spark__utc_to_local(instant, zone) -%}
    cast(from_utc_timestamp({{ instant }}, {{ zone }}) as timestamp)
{%- endmacro %}

{% macro spark__local_to_utc(instant, zone) -%}
    cast(to_utc_timestamp({{ instant }}, {{ zone }}) as timestamp)
{%- endmacro %}

{% macro spark__iso_dow(day) -%}
    (weekday({{ day }}) + 1)
{%- endmacro %}

{% macro spark__iso_week(day) -%}
    weekofyear({{ day }})
{%- endmacro %}

{% macro spark__seconds_between(earlier, later) -%}
    cast(
        cast(timestampdiff(microsecond, {{ earlier }}, {{ later }}) as numeric(20, 0)) / 1000000
        as numeric(18, 6)
    )
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{% macro spark__type_double() -%}double{%- endmacro %}

{% macro spark__sha256_hex(value) -%}
    sha2({{ value }}, 256)
{%- endmacro %}

{% macro spark__string_agg_sorted(value) -%}
    array_join(array_sort(collect_list({{ value }})), ',')
{%- endmacro %}

{% macro spark__regexp_replace_all(value, pattern, replacement) -%}
    regexp_replace({{ value }}, {{ pattern }}, {{ replacement }})
{%- endmacro %}

{% macro spark__hash_joins_only() -%}{%- endmacro %}

{% macro spark__resolve_identities(links, types) -%}
    handed.resolved_identities
{%- endmacro %}

{% macro spark__finite_numeric(value) -%}
    cast({{ value }} as numeric(18, 6))
{%- endmacro %}

{#- Spark's own percentile_cont weighs both ends, which differs in the last digit. -#}
{% macro spark__percentile(fraction, value) -%}
    {%- set sorted = 'array_sort(collect_list(cast(' ~ value ~ ' as double)))' -%}
    {%- set position = '(cast(' ~ fraction ~ ' as double) * (count(' ~ value ~ ') - 1))' -%}
    {%- set lower = 'get(' ~ sorted ~ ', cast(floor(' ~ position ~ ') as int))' -%}
    {%- set upper = 'get(' ~ sorted ~ ', cast(ceil(' ~ position ~ ') as int))' -%}
    {{ spark__rounded_double(
        lower ~ ' + (' ~ position ~ ' - floor(' ~ position ~ ')) * (' ~ upper ~ ' - ' ~ lower ~ ')'
    ) }}
{%- endmacro %}

{#- A double with the 15 digits that Postgres takes over into a numeric, as a decimal. -#}
{% macro spark__rounded_double(value) -%}
    case when {{ value }} is not null then cast(format_string('%.14e', {{ value }}) as decimal(38, 15)) end
{%- endmacro %}

{#- Spark's own initcap knows blanks only: of 'follow-up' it makes 'Follow-up'. -#}
{% macro spark__title_case(value) -%}
    array_join(
        transform(
            regexp_extract_all(lower({{ value }}), '([\\p{L}\\p{N}]+|[^\\p{L}\\p{N}]+)', 1),
            word -> concat(upper(substr(word, 1, 1)), substr(word, 2))
        ),
        ''
    )
{%- endmacro %}

{#- NaN there where a value does not vary. -#}
{% macro spark__correlation(value, other) -%}
    nullif(corr({{ value }}, {{ other }}), cast('NaN' as double))
{%- endmacro %}

{#- dbt's own macros as this project needs them there. -#}

{#- Open-source Spark has no grants: readers are served from Postgres. -#}
{% macro spark__apply_grants(relation, grant_config, should_revoke=True) %}{% endmacro %}

{#-
  A table with a location is overwritten where a killed server has left a part of it; one without would
  be refused. The path is relative to that of the schema. Seeds are inserted into, not overwritten.
-#}
{% macro spark__location_clause() -%}
    {%- if model['resource_type'] != 'seed' %}location '{{ model['alias'] }}'{% endif -%}
{%- endmacro %}

{#- Strategies of this project beside those of dbt-spark, which refuses any other. -#}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
    {% do return(raw_strategy) %}
{% endmacro %}

{#-
  Types of a contract are not compared: varchar(n) of a seed and the int of a rank are other types
  than the contract says. Names are, by dbt; the types hold once gold is back in Postgres.
-#}
{% macro spark__get_assert_columns_equivalent(sql) %}{% endmacro %}
