{#-
  dbt's own materialization of data tests. In a build, a test that has passed on these very rows has
  passed. `dbt test` runs every test. Joins as in models: a test that joins a view with itself would else
  search it once more for each of its rows.
-#}
{% materialization test, adapter='postgres' %}
    {%- set known = env_var('O2R_LOGIC', '') and not (flags.EMPTY or flags.SAMPLE) -%}
    {%- set inputs_now = none -%}
    {%- if known -%}
        {%- set inputs_now, has_passed = run_query(
            'select made_from.inputs, exists ('
            ~ " select from ops.passed_tests where target = '" ~ target.name ~ "'"
            ~ " and test = '" ~ model.unique_id ~ "' and passed_tests.inputs = made_from.inputs)"
            ~ ' from (select ' ~ inputs() ~ ' as inputs) as made_from'
        ).rows[0].values() -%}
        {%- if has_passed and may_keep() -%}
            {%- call statement('main', fetch_result=True) -%}
                select 0 as failures, false as should_warn, false as should_error
            {%- endcall -%}
            {{ return({'relations': []}) }}
        {%- endif -%}
    {%- endif -%}
    {%- do run_query(hash_joins_only()) -%}
    {%- set made = dbt.materialization_test_default() -%}
    {%- if inputs_now and load_result('main')['table'].rows[0][0] == 0 -%}
        {%- do run_query(
            "insert into ops.passed_tests (target, test, inputs) values ('"
            ~ target.name ~ "', '" ~ model.unique_id ~ "', '" ~ inputs_now ~ "')"
            ~ ' on conflict (target, test) do update set inputs = excluded.inputs'
        ) -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {{ return(made) }}
{% endmaterialization %}
