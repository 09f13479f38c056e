{#-
  At the end of a run: note rows and checksum of every table that it has built in ops.table_states,
  for `o2r health`. Tables that no model makes any more are forgotten. Postgres only.
-#}
{% macro note_tables(results) %}
    {%- set layers = {'intermediate': 'silver', 'marts': 'gold'} -%}
    {%- set known = [] -%}
    {%- set built = [] -%}
    {%- if
        execute and target.type == 'postgres' and not env_var('DBT_CI_SCHEMA', '')
        and flags.WHICH in ('build', 'run', 'seed', 'snapshot', 'retry')
    -%}
        {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') -%}
            {%- do known.append("'" ~ node.schema ~ '.' ~ node.alias ~ "'") -%}
        {%- endfor -%}
        {%- for result in results if result.status == 'success' -%}
            {%- set node = result.node -%}
            {%- if
                node.resource_type in ('model', 'seed', 'snapshot')
                and node.config.materialized not in ('view', 'ephemeral')
            -%}
                {%- set reads = [] -%}
                {%- for parent in (node.depends_on.nodes if node.resource_type != 'seed' else [])
                    if not parent.startswith('source.') -%}
                    {%- do reads.append("'" ~ parent.split('.')[2] ~ "'") -%}
                {%- endfor -%}
                {%- set layer = layers.get(node.fqn[1], 'gold')
                    if node.resource_type == 'model' else node.resource_type ~ 's' -%}
                {%- set note -%}
                    select '{{ node.schema }}', '{{ node.alias }}', '{{ target.name }}', '{{ layer }}',
                        array[{{ reads | join(', ') }}]::text [], count(*),
                        coalesce(sum(hash_record_extended(whole_row, 0)::numeric), 0)
                    from {{ adapter.quote(node.schema) }}.{{ adapter.quote(node.alias) }} as whole_row
                {%- endset -%}
                {%- do built.append(note) -%}
            {%- endif -%}
        {%- endfor -%}
        delete from ops.table_states
        where schema_name || '.' || table_name not in ({{ known | join(', ') }})
            and schema_name in (
                select distinct split_part(known, '.', 1)
                from unnest(array[{{ known | join(', ') }}]) as known
            );
        {%- if built %}
        insert into ops.table_states as noted
            (schema_name, table_name, target, layer, reads, row_count, checksum)
        {{ built | join('\n union all\n ') }}
        on conflict (schema_name, table_name) do update set
            target = excluded.target, layer = excluded.layer, reads = excluded.reads,
            row_count = excluded.row_count, checksum = excluded.checksum,
            noted_at = excluded.noted_at,
            changed_at = case
                when noted.checksum = excluded.checksum and noted.row_count = excluded.row_count
                    then noted.changed_at
                else excluded.noted_at
            end;
        {%- endif %}
    {%- endif -%}
{% endmacro %}
