{#-
  Select grain, period_start and observed_end of the periods that an incremental run of the current
  model rebuilds: those with a pending day, those not built up to the day observed now and, where
  meta.depends_on_attributes is set, those whose attributes are no longer the ones they were built
  with. meta.grains: the grains of the model.
-#}
{% macro stale_periods() -%}
    {%- set meta = model.config.meta -%}
    {%- set attributes = ', attributes_sha256' if meta.get('depends_on_attributes') else '' -%}
    select
        periods.grain,
        periods.period_start,
        periods.observed_end
    from {{ ref('int_usage_period') }} as periods
    left join (
        select distinct grain, period_start, observed_end{{ attributes }} from {{ this }}
    ) as built
        on periods.grain = built.grain and periods.period_start = built.period_start
    where
        periods.grain in ('{{ meta.grains | join("', '") }}')
        and (
            built.observed_end is distinct from periods.observed_end
            {%- if attributes %}
            or built.attributes_sha256 is distinct from periods.attributes_sha256
            {%- endif %}
            or exists (
                select 1
                from ({{ pending_changes() }}) as pending
                where pending.event_date between periods.period_start and periods.observed_end
            )
        )
{%- endmacro %}

{#-
  The periods that a run of the current model builds. In an incremental run a list of literals, so
  that only their part of a big table is read. grains: as in meta.grains.
-#}
{% macro periods_to_build(is_incremental, grains) -%}
    {%- if is_incremental and execute -%}
        {%- for row in run_query(stale_periods()).rows %}
    select
        '{{ row[0] }}' as grain,
        cast('{{ row[1] }}' as date) as period_start,
        cast('{{ row[2] }}' as date) as observed_end
    union all
        {%- endfor %}
    {%- endif %}
    select
        grain,
        period_start,
        observed_end
    from {{ ref('int_usage_period') }}
    where {{ 'false' if is_incremental else "grain in ('" ~ grains | join("', '") ~ "')" }}
{%- endmacro %}

{#- First day of those periods as a SQL date; a null date when there are none. -#}
{% macro first_day_to_build() -%}
    {%- set first = none -%}
    {%- if execute -%}
        {%- set first = run_query(
            "select min(period_start) from (" ~ stale_periods() ~ ") as periods"
        ).rows[0][0] -%}
    {%- endif -%}
    {{ return("cast('" ~ first ~ "' as date)" if first else 'cast(null as date)') }}
{%- endmacro %}

{#- dbt's hook for strategies: rebuild whole periods; one without requests goes. -#}
{% macro get_incremental_replace_periods_sql(arguments) -%}
    delete from {{ arguments.target_relation }} as built
    where
        not exists (
            select 1 from {{ ref('int_usage_period') }} as periods
            where periods.grain = built.grain and periods.period_start = built.period_start
        )
        or (built.grain, built.period_start) in (
            select stale.grain, stale.period_start from ({{ stale_periods() }}) as stale
        );
    {{ insert_all(arguments) }}
{%- endmacro %}
