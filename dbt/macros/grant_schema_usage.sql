{#-
  A grant on a table is worth nothing without usage on its schema, and dbt creates the schemas of
  personal, dev and ci targets itself. Runs at the end of every build on Postgres. Nobody gets to see
  the shadow of gold: its tables are read once they are in gold. Only what is missing is granted, as
  two grants on one schema at the same time make one of both fail.
-#}
{% macro grant_schema_usage() %}
    {%- if execute and target.type == 'postgres' and flags.WHICH != 'compile' %}
        {%- set readers = {
            'seeds': 'data_engineer, analytics_engineer, data_scientist',
            'staging_silver': 'data_engineer, analytics_engineer, data_scientist',
            'intermediate_silver': 'data_engineer, analytics_engineer, data_scientist',
            'snapshots': 'data_engineer, analytics_engineer',
            'test_failures': 'data_engineer, analytics_engineer',
            'mart_gold':
                'data_engineer, analytics_engineer, data_scientist, business_user, partner_dw_engineer, metabase_reader',
        } %}
        {%- for schema, roles in readers.items() %}
            {%- set full_name = generate_schema_name(schema, none)
                | replace('mart_gold_shadow', 'mart_gold') %}
            {%- if adapter.check_schema_exists(target.database, full_name) %}
                {{- grant_what_is_missing('usage', full_name, none, roles) }}
                {%- if schema == 'test_failures' %}
                    {%- for relation in run_query(
                        "select tablename from pg_tables where schemaname = '" ~ full_name ~ "'"
                    ).rows %}
                        {{- grant_what_is_missing('select', full_name, relation[0], roles) }}
                    {%- endfor %}
                {%- endif %}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{% endmacro %}

{#- Grant a privilege on a schema, or on a table of it, to those of the roles that lack it. -#}
{% macro grant_what_is_missing(privilege, schema, table, roles) -%}
    {%- set object = adapter.quote(schema) ~ ('.' ~ adapter.quote(table) if table else '') -%}
    {%- set has_it = "has_table_privilege(wanted, '" ~ object ~ "', '" ~ privilege ~ "')"
        if table else "has_schema_privilege(wanted, '" ~ schema ~ "', '" ~ privilege ~ "')" -%}
    {%- set lacking = run_query(
        "select wanted from unnest(string_to_array('" ~ roles ~ "', ', ')) as wanted where not "
        ~ has_it
    ).columns[0].values() -%}
    {%- if lacking %}
        select pg_advisory_xact_lock_shared(hashtext('o2r setup'), hashtext(''));
        grant {{ privilege }} on {{ 'table' if table else 'schema' }} {{ object }}
        to {{ lacking | join(', ') }};
    {%- endif -%}
{%- endmacro %}

{#-
  dbt takes back every privilege on an incremental table that its config `grants` does not name. That
  config says who reads; who writes is said by the default privileges of the schema, once and for
  every kind of table (database_scripts/090_grants.sql), so dbt is shown the readers only.
-#}
{%- macro postgres__get_show_grant_sql(relation) -%}
    select grantee, privilege_type
    from {{ relation.information_schema('role_table_grants') }}
    where grantor = current_role
        and grantee != current_role
        and privilege_type = 'SELECT'
        and table_schema = '{{ relation.schema }}'
        and table_name = '{{ relation.identifier }}'
{%- endmacro -%}
