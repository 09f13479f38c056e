{#-
  Settings of the company whose database this is: docs/decisions/0032-settings-of-a-company.md. Models
  read them; macros get them as arguments, so that settings_read sees in a model which it stands on.
-#}

{#-
  Value of a setting: that of `--vars`, else what the company states, else the default, which is the
  variable of this name in dbt_project.yml. Unit tests know the default and their own overrides.
-#}
{% macro setting(name) -%}
    {%- set given = var(name) -%}
    {%- if
        not execute or model.resource_type == 'unit_test'
        or name in (invocation_args_dict.get('vars') or {})
    -%}
        {{ return(given) }}
    {%- endif -%}
    {{ return(stated_settings().get(name, given)) }}
{%- endmacro %}

{#-
  What the company states, by name. `o2r` hands it over, so that all models of a run have the same; dbt
  started by hand asks the database itself, where it may ask one.
-#}
{% macro stated_settings() -%}
    {%- set stated = env_var('O2R_COMPANY_SETTINGS', '') -%}
    {%- if not stated and target.type == 'postgres' and flags.INTROSPECT -%}
        {%- set stated = run_query(
            "select coalesce(cast(json_object_agg(name, value) as text), '{}') from ops.settings_in_force"
        ).rows[0][0] -%}
    {%- endif -%}
    {{ return(fromjson(stated or '{}')) }}
{%- endmacro %}

{#- Names and values of the settings that the code of a node reads, as one text. -#}
{% macro settings_read(node) -%}
    {%- set found = [] -%}
    {%- for name in modules.re.findall("\\bsetting\\(['\"](\\w+)['\"]\\)", node.raw_code or '') | unique | sort -%}
        {%- do found.append(name ~ '=' ~ setting(name)) -%}
    {%- endfor -%}
    {{ return(found | join(' ')) }}
{%- endmacro %}
