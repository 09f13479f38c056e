{#-
  Incremental models that rebuild whole days or whole periods.
  docs/decisions/0008-incremental-models.md says why.

  Each target keeps a log, `int_change_log` in its intermediate schema. When a run starts, what has
  happened to bronze since the last run is recorded there under the name `bronze`. A model then
  rebuilds the days of those changes that the model (or bronze) it follows has acknowledged and it has
  not, and acknowledges them in the same transaction.

  Other engines than Postgres keep no log and build every model in full.

  Config of such a model:
    materialized='incremental', incremental_strategy='replace_days' or 'replace_periods',
    unique_key: the column of the day (for periods: grain and period_start),
    meta: {follows: <model>} or {follows_tables: [<bronze table>, ...]}.
-#}

{#- The log of this target. -#}
{% macro change_log() -%}
    {{ return(api.Relation.create(
        database=target.database if target.type == 'postgres' else none,
        schema=generate_schema_name('intermediate_silver', none) | trim,
        identifier='int_change_log'
    )) }}
{%- endmacro %}

{#- What is known of a change; docs/decisions/0008-incremental-models.md explains the kinds. -#}
{% macro change_columns() -%}
    table_name, event_date, kind, batch_id, change_number, arrived_hour, arrived_until, row_count,
    content_hash
{%- endmacro %}

{#- Made here and not by a model, since models write to it while they are built. -#}
{% macro create_change_log() -%}
    {%- set columns = adapter.get_columns_in_relation(change_log()) | map(attribute='name') | list -%}
    {#- A log of sentences, of an earlier version: forget it, so that every model is built in full. -#}
    {%- if columns and 'kind' not in columns %}
    drop table {{ change_log() }};
    drop table if exists {{ model_logic_log() }};
    {%- endif %}
    create table if not exists {{ change_log() }} (
        model text not null,
        table_name text not null,
        event_date date not null,
        kind text not null check (
            kind in ('batch', 'edit', 'arrivals', 'stamped_ahead', 'moved', 'content')
        ),
        batch_id bigint,
        change_number bigint,
        arrived_hour timestamp,
        arrived_until timestamp,
        row_count bigint,
        content_hash numeric,
        unique nulls not distinct (model, {{ change_columns() }})
    );
    create table if not exists {{ model_logic_log() }} (
        model text primary key,
        logic text not null
    );
{%- endmacro %}

{#- Select change_columns() of what the current model has yet to acknowledge. -#}
{% macro pending_changes() -%}
    {%- set meta = model.config.meta -%}
    select {{ change_columns() }}
    from {{ change_log() }}
    where
        {% if meta.get('follows') -%}
        model = '{{ meta.follows }}'
        {%- else -%}
        model = 'bronze'
        and table_name in ('{{ meta.follows_tables | join("', '") }}')
        {%- endif %}
    except
    select {{ change_columns() }}
    from {{ change_log() }}
    where model = '{{ model.name }}'
{%- endmacro %}

{#-
  Post-hook of incremental models: acknowledge what the run has built.
  Not after `--empty` or `--sample`, whose tables are no builds of the data.
-#}
{% macro acknowledge_changes() -%}
    {%- if
        execute and target.type == 'postgres' and model.config.materialized == 'incremental'
        and not flags.EMPTY and not flags.SAMPLE
    -%}
        insert into {{ change_log() }} (model, {{ change_columns() }})
        select '{{ model.name }}', {{ change_columns() }}
        from ({{ pending_changes() }}) as pending;
        insert into {{ model_logic_log() }} (model, logic)
        values ('{{ model.name }}', '{{ model_logic() }}')
        on conflict (model) do update set logic = excluded.logic;
    {%- endif -%}
{%- endmacro %}

{#-
  At the start of a run: record what has happened to bronze since the last one.
  Where the target has no intermediate schema, no incremental model is to be built.
-#}
{% macro record_bronze_changes() -%}
    {%- set log = change_log() -%}
    {%- if
        execute and target.type == 'postgres' and flags.WHICH in ('build', 'run', 'retry')
        and adapter.check_schema_exists(log.database, log.schema)
    -%}
        {%- do run_query(create_change_log()) -%}
        {%- for table in (change_log(), model_logic_log()) -%}
            {%- set grants = grant_what_is_missing(
                'select', table.schema, table.identifier, 'data_engineer, analytics_engineer, data_scientist'
            ) -%}
            {%- if grants | trim -%}{%- do run_query(grants) -%}{%- endif -%}
        {%- endfor -%}
        {%- for source in graph.sources.values() if source.meta.get('event_column') -%}
            {%- do record_changes_of(source) -%}
        {%- endfor -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
{%- endmacro %}

{#-
  Record the changes of one bronze table. The ledger names the days of loads, updates and erasures.
  Rows that another tool inserted are counted by day and hour of arrival, over the last hours again
  and again, because their transactions may commit late. Those that it stamped ahead of the clock are
  of another kind: the hour from which is counted never passes the start of a run.
-#}
{% macro record_changes_of(source) -%}
    {%- set column = source.meta.event_column -%}
    {%- set day_of = column
        if source.columns[column].data_type == 'date'
        else "cast(timezone('UTC', " ~ column ~ ") as date)" -%}
    {%- set known -%}
        select count(*), max(arrived_hour) filter (
            where kind = 'arrivals' and arrived_hour <= timezone('UTC', now())
        )
        from {{ change_log() }}
        where model = 'bronze' and table_name = '{{ source.name }}'
    {%- endset -%}
    {%- set known_count, known_hour = run_query(known).rows[0].values() -%}
    {%- set watched_from -%}
        {%- if known_hour -%}
            timezone('UTC', timestamp '{{ known_hour }}')
                - interval '{{ var("foreign_overlap_hours") }} hours'
        {%- else -%}
            timestamptz '-infinity'
        {%- endif -%}
    {%- endset -%}
    {%- set record -%}
        with recorded as (
            insert into {{ change_log() }} (model, {{ change_columns() }})
            select
                'bronze', '{{ source.name }}', event_date, kind, batch_id, change_number,
                cast(null as timestamp), cast(null as timestamp), cast(null as bigint),
                cast(null as numeric)
            from ops.changed_days
            where table_name = '{{ source.name }}'
            union all
            select
                'bronze', '{{ source.name }}', {{ day_of }},
                case when loaded_at > now() then 'stamped_ahead' else 'arrivals' end, null, null,
                date_trunc('hour', timezone('UTC', loaded_at)), max(timezone('UTC', loaded_at)),
                count(*), null
            from {{ source.relation_name }}
            where batch_id is null and loaded_at >= {{ watched_from }}
            group by 3, 4, 7
            on conflict do nothing
            returning event_date, batch_id, timezone('UTC', arrived_hour) as arrived_at
        )
        select
            min(least(arrived_at, (
                select loaded_at from ops.load_batches as batches
                where batches.batch_id = recorded.batch_id
            ))),
            max(event_date) filter (where event_date <= date '{{ run_started_at.date() }}')
        from recorded
    {%- endset -%}
    {%- set arrived_since, last_day = run_query(record).rows[0].values() -%}
    {%- if known_count and arrived_since and column not in source.meta.business_key -%}
        {%- do record_moved_days(source, day_of, arrived_since) -%}
    {%- endif -%}
    {%- if last_day -%}
        {%- do record_contents(source, day_of, last_day) -%}
    {%- endif -%}
{%- endmacro %}

{#-
  A correction may move a row to another day: the days that its other versions stand on change too.
  Only rows that have arrived since the oldest of the changes are looked at.
-#}
{% macro record_moved_days(source, day_of, arrived_since) -%}
    {%- set column = source.meta.event_column -%}
    {%- set newer_day = day_of | replace(column, 'newer.' ~ column) -%}
    {%- set older_day = day_of | replace(column, 'older.' ~ column) -%}
    {%- set record -%}
        insert into {{ change_log() }} (model, {{ change_columns() }})
        select distinct
            'bronze', '{{ source.name }}', {{ older_day }}, 'moved', newer.batch_id, cast(null as bigint),
            cast(null as timestamp),
            case when newer.batch_id is null then timezone('UTC', newer.loaded_at) end,
            cast(null as bigint), cast(null as numeric)
        from {{ source.relation_name }} as newer
        inner join {{ source.relation_name }} as older
            on
                {% for key in source.meta.business_key -%}
                newer.{{ key }} = older.{{ key }}{{ ' and ' if not loop.last }}
                {%- endfor %}
        where newer.loaded_at >= '{{ arrived_since }}' and {{ newer_day }} <> {{ older_day }}
        on conflict do nothing
    {%- endset -%}
    {%- do run_query(record) -%}
{%- endmacro %}

{#-
  The least that is read again: the last days, as of the newest of the changes. A day is rebuilt when
  its rows are not those that were read the last time, whatever went unnoticed. Only the newest
  content is kept, so that a day that goes back to an older one is seen.
-#}
{% macro record_contents(source, day_of, last_day) -%}
    {%- set first_day -%}
        cast(date '{{ last_day }}' - interval '{{ var("lookback_days") - 1 }} days' as date)
    {%- endset -%}
    {%- set record -%}
        with contents as materialized (
            select
                cast(days.day as date) as event_date,
                count(versions.loaded_at) as row_count,
                coalesce(sum(hash_record_extended(
                    row(versions.{{ source.columns | join(", versions.") }}, versions.loaded_at), 0
                )) filter (where versions.loaded_at is not null), 0) as content_hash
            from generate_series({{ first_day }}, date '{{ last_day }}', interval '1 day') as days (day)
            left join {{ source.relation_name }} as versions
                on
                    {{ day_of }} = cast(days.day as date)
                    and {{ day_of }} between {{ first_day }} and date '{{ last_day }}'
            group by days.day
        ),
        outdated as (
            delete from {{ change_log() }} as known
            using contents
            where
                known.table_name = '{{ source.name }}'
                and known.event_date = contents.event_date
                and known.kind = 'content'
                and (known.row_count, known.content_hash)
                    is distinct from (contents.row_count, contents.content_hash)
        )
        insert into {{ change_log() }} (
            model, table_name, kind, event_date, row_count, content_hash
        )
        select 'bronze', '{{ source.name }}', 'content', event_date, row_count, content_hash
        from contents
        on conflict do nothing
    {%- endset -%}
    {%- do run_query(record) -%}
{%- endmacro %}
