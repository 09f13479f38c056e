{#- The logic with which each incremental model of this target was built in full. -#}
{% macro model_logic_log() -%}
    {{ return(change_log().incorporate(path={'identifier': 'int_model_logic'})) }}
{%- endmacro %}

{#-
  Fingerprint of all that decides what the current model makes of bronze: its own SQL, that of every
  model and seed before it, the company's settings in these and, where o2r runs dbt, the macros.
-#}
{% macro model_logic() -%}
    {%- set nodes = [model.unique_id] -%}
    {%- set checksums = [env_var('O2R_MACROS', '')] -%}
    {%- for unique_id in nodes -%}
        {%- set node = graph.nodes.get(unique_id) -%}
        {%- if node -%}
            {%- do checksums.append(node.checksum.checksum ~ settings_read(node)) -%}
            {%- for parent in node.depends_on.get('nodes', []) if parent not in nodes -%}
                {%- do nodes.append(parent) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(local_md5(checksums | sort | join(' '))) }}
{%- endmacro %}

{#-
  dbt's hook: also build an incremental model in full when it was never built in full with the
  logic it has now, so that no table holds days of an older logic.
-#}
{% macro should_full_refresh() -%}
    {%- if config.get('full_refresh') is not none -%}
        {{ return(config.get('full_refresh')) }}
    {%- elif flags.FULL_REFRESH or target.type != 'postgres' -%}
        {{ return(true) }}
    {%- elif not execute or model.config.materialized != 'incremental' -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set query -%}
        select 1 from {{ model_logic_log() }}
        where model = '{{ model.name }}' and logic = '{{ model_logic() }}'
    {%- endset -%}
    {{ return(run_query(query).rows | length == 0) }}
{%- endmacro %}
