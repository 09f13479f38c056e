{#-
  A grant on a table is worth nothing without usage on its schema, and dbt creates the schemas of
  personal, dev and ci targets itself. Runs at the end of every build on Postgres. Nobody gets to see
  the shadow of gold: its tables are read once they are in gold.
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
                grant usage on schema {{ adapter.quote(full_name) }} to {{ roles }};
                {%- if schema == 'test_failures' %}
                grant select on all tables in schema {{ adapter.quote(full_name) }} to {{ roles }};
                {%- endif %}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{% endmacro %}
