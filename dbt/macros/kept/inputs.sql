{#-
  What a table or a data test is made from. While that is the same, `o2r build` keeps the table, and
  believes the test that has passed: docs/decisions/0029-a-build-of-what-is-new.md. Postgres only.
-#}

{#- Whether what is made may be kept, by a build that asks for it of all the data there is. -#}
{% macro may_keep() -%}
    {{ return(
        target.type == 'postgres'
        and env_var('O2R_KEEP', '') == 'yes'
        and not (flags.FULL_REFRESH or flags.EMPTY or flags.SAMPLE)
    ) }}
{%- endmacro %}

{#-
  SQL expression: MD5 over the code of the current node and the states of all that it is made from,
  views seen through, gold and its shadow alike; null where a state is not known. What reads bronze or
  a view has the day in it, for there rows that are dated ahead count from their day on. Of a seed above
  1 MB dbt knows the path only: it is another one in every run.
-#}
{% macro inputs() -%}
    {%- set tables, sources, logic = [], [], [env_var('O2R_LOGIC'), invocation_args_dict.get('vars') | string] -%}
    {%- set code, suffix = model.get('compiled_code') or '', env_var('O2R_GOLD_SUFFIX', '') -%}
    {%- if model.checksum.name == 'path' -%}{%- do logic.append(run_started_at | string) -%}{%- endif -%}
    {%- set nodes = [model] -%}
    {%- for node in nodes -%}
        {%- do logic.append(node.checksum.checksum ~ settings_read(node)) -%}
        {%- for parent in node.depends_on.get('nodes', []) -%}
            {%- set found = graph.nodes.get(parent) -%}
            {%- if not found -%}
                {%- do sources.append(parent.split('.')[-1]) -%}
            {%- elif found.config.materialized not in ('view', 'ephemeral') -%}
                {%- do tables.append((found.schema, found.alias)) -%}
            {%- elif found not in nodes -%}
                {%- do nodes.append(found) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if sources or nodes | length > 1 -%}{%- do logic.append(run_started_at.date() | string) -%}{%- endif -%}
    {#- The SQL of an incremental run names the days to build. -#}
    {%- do logic.append(
        model_logic() if model.config.materialized == 'incremental'
        else code | replace(suffix, '') if suffix else code
    ) -%}
    (
        select
            case when count(*) = count(changed_at) then
                md5(concat(
                    '{{ local_md5(logic | join(' ')) }}',
                    string_agg(concat(name, ' ', extract(epoch from changed_at)), ' ' order by name)
                ))
            end
        from (
            {%- for schema, table in tables | unique %}
            select
                '{{ table }}' as name,
                (
                    select changed_at from ops.table_states
                    where schema_name = '{{ schema }}' and table_name = '{{ table }}'
                )
            union all
            {%- endfor %}
            select wanted, bronze.changed_at
            from unnest(array['{{ sources | unique | join("', '") }}']) as wanted (wanted)
            left join ops.bronze_states as bronze on bronze.table_name = wanted
            where wanted <> ''
        ) as made_from (name, changed_at)
    )
{%- endmacro %}

{#-
  At the start of a run: note the version of each table of bronze. What is loaded while the run is at
  work may be read already, and is news to the next one.
-#}
{% macro note_bronze() -%}
    {%- if execute and target.type == 'postgres' and env_var('O2R_LOGIC', '') -%}
        {%- set tables = graph.sources.values() | map(attribute='name') | list %}
        insert into ops.bronze_states as noted (table_name, version)
        select table_name, version from ops.bronze_versions(array['{{ tables | join("', '") }}'])
        on conflict (table_name) do update set version = excluded.version, changed_at = now()
        where noted.version <> excluded.version
    {%- endif -%}
{%- endmacro %}
