{#-
  `o2r setup` grants and migrates tables, so it is held off while dbt runs, and dbt waits for it:
  also when dbt was not started by `o2r build`. The lock is that of o2r.warehouse.locks.SETUP, shared;
  the session of this hook keeps it to the end of the run. Postgres only.
-#}
{% macro wait_for_setup() %}
    {%- if execute and target.type == 'postgres' %}
        {%- set lock = "advisory_lock_shared(hashtext('o2r setup'), hashtext(''))" %}
        {%- if not run_query('select pg_try_' ~ lock)[0][0] %}
            {%- do log('waiting until o2r setup has ended', info=true) %}
            {%- do run_query('select pg_' ~ lock) %}
        {%- endif %}
    {%- endif %}
{% endmacro %}
