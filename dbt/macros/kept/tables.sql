{#- dbt's own materializations, which a table goes past whose inputs are those it was built from. -#}

{% materialization table, adapter='postgres' %}
    {{ return(keep() or dbt.materialization_table_default()) }}
{% endmaterialization %}

{% materialization incremental, adapter='postgres' %}
    {{ return(keep() or dbt.materialization_incremental_default()) }}
{% endmaterialization %}

{% materialization seed, adapter='postgres' %}
    {{ return(keep() or dbt.materialization_seed_default()) }}
{% endmaterialization %}

{#-
  The result of a materialization when the table can stay, else none. What it is about to be built
  from is left to note_table, in the setting o2r.inputs.
-#}
{% macro keep() -%}
    {%- set known = env_var('O2R_LOGIC', '') and target.type == 'postgres' -%}
    {%- set inputs_now = run_query("select set_config('o2r.inputs', coalesce(" ~ (inputs() if known else "''") ~ ", ''), false)").rows[0][0] -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if
        inputs_now and may_keep() and existing is not none and existing.is_table and is_as_built(inputs_now)
    -%}
        {%- call noop_statement('main', 'KEPT', 'KEPT') -%}{%- endcall -%}
        {%- if model.resource_type == 'seed' -%}{#- dbt looks for it -#}
            {%- do store_result('agate_table', response='KEPT', agate_table=load_agate_table()) -%}
        {%- endif -%}
        {{ return({'relations': [this.incorporate(type='table')]}) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{#-
  Whether the table was built from these inputs and still holds what it held then. If it holds
  something else, that is noted: so the build that makes it good is news to all that reads it. An
  incremental table is as built when no change waits; its many rows are left to `o2r health`.
-#}
{% macro is_as_built(inputs_now) -%}
    {%- set noted -%}
        ops.table_states where schema_name = '{{ this.schema }}' and table_name = '{{ this.identifier }}'
    {%- endset -%}
    {%- set same = run_query("select inputs = '" ~ inputs_now ~ "' from " ~ noted).rows -%}
    {%- if not same or not same[0][0] -%}{{ return(false) }}{%- endif -%}
    {%- if model.config.materialized == 'incremental' -%}
        {{ return(run_query("select 1 from (" ~ pending_changes() ~ ") as pending limit 1").rows | length == 0) }}
    {%- endif -%}
    {%- set altered -%}
        update ops.table_states as noted
        set row_count = found.row_count, checksum = found.checksum
        from ({{ rows_of(this) }}) as found
        where
            noted.schema_name = '{{ this.schema }}' and noted.table_name = '{{ this.identifier }}'
            and (noted.row_count, noted.checksum) <> (found.row_count, found.checksum)
        returning 1
    {%- endset -%}
    {{ return(run_query(altered).rows | length == 0) }}
{%- endmacro %}

{#- Select row_count and checksum of a table. -#}
{% macro rows_of(relation) -%}
    select
        count(*) as row_count,
        coalesce(sum(hash_record_extended(whole_row, 0)), 0) as checksum
    from {{ relation }} as whole_row
{%- endmacro %}

{#-
  Post-hook of models, seeds and snapshots: note rows and checksum of the table, and what it was
  built from, in ops.table_states, in the transaction that makes it.
-#}
{% macro note_table() -%}
    {%- set layers = {'intermediate': 'silver', 'marts': 'gold'} -%}
    {%- if
        execute and target.type == 'postgres' and not env_var('DBT_CI_SCHEMA', '')
        and model.config.materialized not in ('view', 'ephemeral')
    -%}
        {%- set reads = [] -%}
        {%- for parent in model.depends_on.get('nodes', []) if parent.split('.')[0] != 'source' -%}
            {%- do reads.append("'" ~ parent.split('.')[2] ~ "'") -%}
        {%- endfor -%}
        {%- set layer = layers.get(model.fqn[1], 'gold')
            if model.resource_type == 'model' else model.resource_type ~ 's' -%}
        {%- set is_known = env_var('O2R_LOGIC', '')
            and model.resource_type != 'snapshot' and not (flags.EMPTY or flags.SAMPLE) %}
        insert into ops.table_states as noted
            (schema_name, table_name, target, layer, reads, inputs, row_count, checksum)
        select
            '{{ this.schema }}', '{{ this.identifier }}', '{{ target.name }}', '{{ layer }}',
            array[{{ reads | unique | join(', ') }}]::text [],
            {{ "nullif(current_setting('o2r.inputs', true), '')" if is_known else 'null' }},
            row_count, checksum
        from ({{ rows_of(this) }}) as rows_of_table
        on conflict (schema_name, table_name) do update set
            target = excluded.target, layer = excluded.layer, reads = excluded.reads,
            inputs = excluded.inputs, row_count = excluded.row_count, checksum = excluded.checksum,
            noted_at = excluded.noted_at,
            changed_at = case
                when noted.checksum = excluded.checksum and noted.row_count = excluded.row_count
                    then noted.changed_at
                else excluded.noted_at
            end
    {%- endif -%}
{%- endmacro %}

{#- At the end of a run: forget the tables and tests that the project has no more. -#}
{% macro forget_tables() -%}
    {%- if
        execute and target.type == 'postgres' and not env_var('DBT_CI_SCHEMA', '')
        and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry')
    -%}
        {%- set known, tests = [], [] -%}
        {%- for node in graph.nodes.values() -%}
            {%- if node.resource_type in ('model', 'seed', 'snapshot') -%}
                {%- do known.append("'" ~ node.schema ~ '.' ~ node.alias ~ "'") -%}
            {%- elif node.resource_type == 'test' -%}
                {%- do tests.append("'" ~ node.unique_id ~ "'") -%}
            {%- endif -%}
        {%- endfor %}
        delete from ops.table_states
        where schema_name || '.' || table_name not in ({{ known | join(', ') }})
            and schema_name in (
                select distinct split_part(known, '.', 1)
                from unnest(array[{{ known | join(', ') }}]) as known
            );
        delete from ops.passed_tests
        where target = '{{ target.name }}' and test not in ({{ tests | join(', ') }})
    {%- endif -%}
{%- endmacro %}
