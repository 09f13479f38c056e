{#-
  Views that people made on a model. dbt puts the old table of a model aside, the new one in its
  place, and drops the old one `cascade`: the views on it would be gone without a word. Here they
  follow to the new table in the transaction of the model; what cannot follow makes the model fail.
  docs/decisions/0025-health-and-locks.md says why. Postgres only.
-#}

{#-
  Pre-hook of every model. `o2r setup` grants and migrates tables: it waits for the models at work,
  and they for it, also where dbt was started by hand (o2r.warehouse.locks.SETUP).
-#}
{% macro wait_for_dependents() -%}
    {%- if execute and target.type == 'postgres' -%}
        select pg_advisory_xact_lock_shared(hashtext('o2r setup'), hashtext(''));
        select ops.wait_for_dependents(to_regclass('{{ this.include(database=false) }}'))
    {%- endif -%}
{%- endmacro %}

{#- Post-hook of every model: the old table is gone by the commit. -#}
{% macro replace_old_table() -%}
    {%- if execute and target.type == 'postgres' -%}
        {%- set old = make_backup_relation(this, 'table').include(database=false) -%}
        select ops.replace_table(
            to_regclass('{{ old }}'), to_regclass('{{ this.include(database=false) }}')
        )
    {%- endif -%}
{%- endmacro %}

{#- dbt's own, without `cascade`: nothing is dropped along, also with seeds and kept test rows. -#}
{% macro postgres__drop_table(relation) -%}
    drop table if exists {{ relation }}
{%- endmacro %}

{% macro postgres__drop_view(relation) -%}
    drop view if exists {{ relation }}
{%- endmacro %}

{% macro postgres__drop_materialized_view(relation) -%}
    drop materialized view if exists {{ relation }}
{%- endmacro %}
