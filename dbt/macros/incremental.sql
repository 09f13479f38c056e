{#-
  Incremental models that rebuild whole days or whole periods.
  docs/decisions/0008-incremental-models.md says why.

  Each target keeps a log, `int_change_log` in its intermediate schema: model, bronze table, change,
  day. When a run starts, what has happened to bronze since the last run is written there under the
  name `bronze`. A model then rebuilds the days of those changes that the model (or bronze) it
  follows has taken in and it has not, and takes them in in the same transaction.

  Config of such a model:
    materialized='incremental', incremental_strategy='replace_days' or 'replace_periods',
    unique_key: the column of the day (for periods: grain and period_start),
    meta: {follows: <model>} or {follows_tables: [<bronze table>, ...]}.
-#}

{#- The log of this target. -#}
{% macro change_log() -%}
    {{ return(api.Relation.create(
        database=target.database,
        schema=generate_schema_name('intermediate_silver', none) | trim,
        identifier='int_change_log'
    )) }}
{%- endmacro %}

{#- The logic with which each incremental model of this target was built in full. -#}
{% macro model_logic_log() -%}
    {{ return(change_log().incorporate(path={'identifier': 'int_model_logic'})) }}
{%- endmacro %}

{#- Select table_name, change and event_date of what the current model has yet to take in. -#}
{% macro pending_changes() -%}
    {%- set meta = model.config.meta -%}
    select
        pending.table_name,
        pending.change,
        pending.event_date
    from {{ change_log() }} as pending
    where
        {% if meta.get('follows') -%}
        pending.model = '{{ meta.follows }}'
        {%- else -%}
        pending.model = 'bronze'
        and pending.table_name in ('{{ meta.follows_tables | join("', '") }}')
        {%- endif %}
        and not exists (
            select 1
            from {{ change_log() }} as taken
            where
                taken.model = '{{ model.name }}'
                and taken.table_name = pending.table_name
                and taken.change = pending.change
                and taken.event_date = pending.event_date
        )
{%- endmacro %}

{#-
  The days that an incremental run of the current model rebuilds, as SQL for `in (...)`.
  Literals, so that only their part of a big table is read.
-#}
{% macro days_to_build() -%}
    {%- set dates = [] -%}
    {%- if execute -%}
        {%- set query -%}
            select distinct event_date from ({{ pending_changes() }}) as pending order by event_date
        {%- endset -%}
        {%- for day in run_query(query).columns[0].values() -%}
            {%- do dates.append("cast('" ~ day ~ "' as date)") -%}
        {%- endfor -%}
    {%- endif -%}
    {{- dates | join(', ') if dates else 'cast(null as date)' -}}
{%- endmacro %}

{#- dbt's hook for strategies: rebuild whole days. A day without rows left goes too. -#}
{% macro get_incremental_replace_days_sql(arguments) -%}
    delete from {{ arguments.target_relation }}
    where {{ arguments.unique_key }} in ({{ days_to_build() }});
    {{ insert_all(arguments) }}
{%- endmacro %}

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

{#- The same as a list of literals, so that only their part of a big table is read. -#}
{% macro periods_to_build() -%}
    {%- set selects = [] -%}
    {%- if execute -%}
        {%- for row in run_query(stale_periods()).rows -%}
            {%- do selects.append(
                "select '" ~ row[0] ~ "' as grain, cast('" ~ row[1]
                ~ "' as date) as period_start, cast('" ~ row[2] ~ "' as date) as observed_end"
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(selects | join('\n    union all\n    ') if selects else
        "select grain, period_start, observed_end from " ~ ref('int_usage_period') ~ " where false"
    ) }}
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

{% macro insert_all(arguments) -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    insert into {{ arguments.target_relation }} ({{ columns }})
    select {{ columns }} from {{ arguments.temp_relation }};
{%- endmacro %}

{#-
  Post-hook of incremental models: take in what the run has built.
  Not after `--empty` or `--sample`, whose tables are no builds of the data.
-#}
{% macro take_in_changes() -%}
    {%- if
        execute and model.config.materialized == 'incremental'
        and not flags.EMPTY and not flags.SAMPLE
    -%}
        insert into {{ change_log() }} (model, table_name, change, event_date)
        select '{{ model.name }}', pending.table_name, pending.change, pending.event_date
        from ({{ pending_changes() }}) as pending;
        insert into {{ model_logic_log() }} (model, logic)
        values ('{{ model.name }}', '{{ model_logic() }}')
        on conflict (model) do update set logic = excluded.logic;
    {%- endif -%}
{%- endmacro %}

{#-
  Fingerprint of all code that decides what the current model holds: its own SQL, that of every
  model and seed before it and, where o2r runs dbt, the macros.
-#}
{% macro model_logic() -%}
    {%- set found = [model.unique_id] -%}
    {%- set checksums = [env_var('O2R_MACROS', '')] -%}
    {%- for unique_id in found -%}
        {%- set node = graph.nodes.get(unique_id) -%}
        {%- if node -%}
            {%- do checksums.append(node.checksum.checksum) -%}
            {%- for parent in node.depends_on.get('nodes', []) if parent not in found -%}
                {%- do found.append(parent) -%}
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
    {%- elif flags.FULL_REFRESH -%}
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

{#-
  At the start of a run: write to the log what has happened to bronze since the last one.
  Where the target has no intermediate schema, no incremental model is to be built.
-#}
{% macro note_bronze_changes() -%}
    {%- set log = change_log() -%}
    {%- if
        execute and flags.WHICH in ('build', 'run', 'retry')
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
            {%- do note_changes_of(source) -%}
        {%- endfor -%}
        {%- do run_query('commit') -%}
    {%- endif -%}
{%- endmacro %}

{% macro create_change_log() -%}
    create table if not exists {{ change_log() }} (
        model text not null,
        table_name text not null,
        change text not null,
        event_date date not null,
        primary key (model, table_name, change, event_date)
    );
    create table if not exists {{ model_logic_log() }} (
        model text primary key,
        logic text not null
    );
{%- endmacro %}

{#-
  Note the changes of one bronze table. The ledger names the days of loads, updates and erasures.
  Rows that another tool inserted are counted by day and hour of arrival, over the last hours again
  and again, because their transactions may commit late. Those that it stamped ahead of the clock are
  noted by another name: the hour from which is counted never passes the start of a run.
-#}
{% macro note_changes_of(source) -%}
    {%- set table = source.relation_name -%}
    {%- set column = source.meta.event_column -%}
    {%- set day_of = column
        if source.columns[column].data_type == 'date'
        else "cast(timezone('UTC', " ~ column ~ ") as date)" -%}
    {%- set in_log = "model = 'bronze' and table_name = '" ~ source.name ~ "'" -%}
    {%- set hour = "to_char(timezone('UTC', {}), 'YYYY-MM-DD HH24')" -%}
    {%- set state = run_query(
        "select count(*), max(hour) filter (where hour <= " ~ hour.format('now()') ~ ") from ("
        "select substring(change from '^arrivals of ([^,]*)') as hour from "
        ~ change_log() ~ " where " ~ in_log ~ ") as noted"
    ).rows[0] -%}
    {%- set is_first_run = state[0] == 0 -%}
    {%- set watched_from -%}
        {%- if state[1] -%}
            timezone('UTC', timestamp '{{ state[1] }}:00')
                - interval '{{ var("foreign_overlap_hours") }} hours'
        {%- else -%}
            timestamptz '-infinity'
        {%- endif -%}
    {%- endset -%}
    {%- set note -%}
        insert into {{ change_log() }} (model, table_name, change, event_date)
        select 'bronze', '{{ source.name }}', change, event_date
        from (
            select change, event_date
            from ops.changed_days
            where table_name = '{{ source.name }}'
            union all
            select
                case when loaded_at > now() then 'stamped for ' else 'arrivals of ' end
                    || {{ hour.format('loaded_at') }} || ', ' || count(*)
                    || ' to ' || to_char(timezone('UTC', max(loaded_at)), 'MI:SS.US'),
                {{ day_of }}
            from {{ table }}
            where batch_id is null and loaded_at >= {{ watched_from }}
            group by loaded_at > now(), {{ hour.format('loaded_at') }}, {{ day_of }}
        ) as changes
        on conflict do nothing
        returning change, event_date
    {%- endset -%}
    {%- set changes = run_query(note).rows -%}
    {%- if changes | length > 0 -%}
        {%- if not is_first_run -%}
            {%- do note_days_left(source, day_of, changes) -%}
        {%- endif -%}
        {%- do note_look_back(source, day_of, changes) -%}
    {%- endif -%}
{%- endmacro %}

{#-
  A correction may move a row to another day: the days that its other versions stand on change too.
  Only rows that have arrived since the oldest of the changes are looked at.
-#}
{% macro note_days_left(source, day_of, changes) -%}
    {%- if source.meta.event_column in source.meta.business_key -%}
        {{ return('') }}
    {%- endif -%}
    {%- set batches = [] -%}
    {%- set hours = [] -%}
    {%- for change in changes -%}
        {%- if change[0].startswith('batch ') -%}
            {%- do batches.append(change[0][6:]) -%}
        {%- elif change[0].startswith(('arrivals of ', 'stamped for ')) -%}
            {%- do hours.append(change[0][12:25]) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set since = run_query(
        "select least(min(loaded_at), " ~ (
            "timezone('UTC', timestamp '" ~ (hours | min) ~ ":00')" if hours else "null"
        ) ~ ") from ops.load_batches where batch_id in (" ~ (batches | unique | join(', ') or 'null')
        ~ ")"
    ).rows[0][0] -%}
    {%- if since is none -%}
        {{ return('') }}
    {%- endif -%}
    {%- set on_key = [] -%}
    {%- for column in source.meta.business_key -%}
        {%- do on_key.append("newer." ~ column ~ " = older." ~ column) -%}
    {%- endfor -%}
    {%- set newer_day = day_of | replace(source.meta.event_column, 'newer.' ~ source.meta.event_column) -%}
    {%- set older_day = day_of | replace(source.meta.event_column, 'older.' ~ source.meta.event_column) -%}
    {%- do run_query(
        "insert into " ~ change_log() ~ " (model, table_name, change, event_date) "
        "select distinct 'bronze', '" ~ source.name ~ "', 'moved by '"
        " || coalesce('batch ' || newer.batch_id, "
        "'arrivals of ' || timezone('UTC', newer.loaded_at)), "
        ~ older_day ~ " from " ~ source.relation_name ~ " as newer inner join "
        ~ source.relation_name ~ " as older on " ~ (on_key | join(' and '))
        ~ " where newer.loaded_at >= '" ~ since ~ "' and " ~ newer_day ~ " <> " ~ older_day
        ~ " on conflict do nothing"
    ) -%}
{%- endmacro %}

{#-
  The least that is read again: the last days, as of the newest of the changes. A day is rebuilt when
  its rows are not those that were read the last time, whatever went unnoticed.
-#}
{% macro note_look_back(source, day_of, changes) -%}
    {%- set today = run_started_at.date() -%}
    {%- set days = [] -%}
    {%- for change in changes if change[1] <= today -%}
        {%- do days.append(change[1]) -%}
    {%- endfor -%}
    {%- if days -%}
        {%- set first_day -%}
            cast(date '{{ days | max }}' - interval '{{ var("lookback_days") - 1 }} days' as date)
        {%- endset -%}
        {%- set contents -%}
            select
                cast(days.day as date) as event_date,
                'content of ' || count(versions.loaded_at) || ' rows, hash '
                    || coalesce(sum(hash_record_extended(
                        row(versions.{{ source.columns | join(", versions.") }}, versions.loaded_at), 0
                    )) filter (where versions.loaded_at is not null), 0) as change
            from generate_series({{ first_day }}, date '{{ days | max }}', interval '1 day') as days (day)
            left join {{ source.relation_name }} as versions
                on
                    {{ day_of }} = cast(days.day as date)
                    and {{ day_of }} between {{ first_day }} and date '{{ days | max }}'
            group by days.day
        {%- endset -%}
        {#- Only the newest content is kept, so that a day that goes back to an older one is seen. -#}
        {%- set note -%}
            with contents as materialized ({{ contents }}),
            outdated as (
                delete from {{ change_log() }} as noted
                using contents
                where
                    noted.table_name = '{{ source.name }}'
                    and noted.event_date = contents.event_date
                    and noted.change like 'content of %'
                    and noted.change <> contents.change
            )
            insert into {{ change_log() }} (model, table_name, change, event_date)
            select 'bronze', '{{ source.name }}', change, event_date
            from contents
            on conflict do nothing
        {%- endset -%}
        {%- do run_query(note) -%}
    {%- endif -%}
{%- endmacro %}

{#-
  Select the latest version of each row of `versions`, with first_date and last_date, the earliest and
  latest day of a version of it. In an incremental run of the current model, which keeps both columns
  and has the post-hook index_moved, only those of the days to build.
  key: columns; day: column; tie_breakers: columns, see version_rank.
-#}
{% macro latest_versions(versions, key, day, tie_breakers) -%}
    with candidates as (

        select * from {{ versions }}
        {%- if is_incremental() %}
        where {{ day }} in ({{ days_to_build() }})
        {%- endif %}

    ),

    -- Rows that a correction has moved from one day to another; the days of their versions as far as
    -- they are not read again.
    moved as (

        {% if is_incremental() -%}
        select
            {{ key | join(', ') }},
            {{ day }} as built_date,
            case when first_date not in ({{ days_to_build() }}) then first_date end as first_date,
            case when last_date not in ({{ days_to_build() }}) then last_date end as last_date
        from {{ this }}
        where first_date <> last_date
        {%- else -%}
        select
            {{ key | join(', ') }},
            {{ day }} as built_date,
            {{ day }} as first_date,
            {{ day }} as last_date
        from candidates
        where false
        {%- endif %}

    ),

    ranked as (

        select
            *,
            min({{ day }}) over (partition by {{ key | join(', ') }}) as first_read_date,
            max({{ day }}) over (partition by {{ key | join(', ') }}) as last_read_date,
            {{ version_rank(key=key, newest=['loaded_at'], tie_breakers=tie_breakers) }} as version_rank
        from candidates

    )

    select
        ranked.*,
        {{ lesser_known('ranked.first_read_date', 'moved.first_date') }} as first_date,
        {{ greater_known('ranked.last_read_date', 'moved.last_date') }} as last_date
    from ranked
    left join moved
        on
            {% for column in key -%}
            {% if not loop.first %}and {% endif %}ranked.{{ column }} = moved.{{ column }}
            {% endfor -%}
    where
        ranked.version_rank = 1
        {%- if is_incremental() %}
        -- What a correction took away stays away while its new day is not rebuilt.
        and coalesce(moved.built_date in ({{ days_to_build() }}), true)
        {%- endif %}
{%- endmacro %}

{#-
  Post-hook of models of latest versions: their few moved rows are looked up in every run. Without a
  name, which the table that a full build replaces would still hold.
-#}
{% macro index_moved(key) -%}
    {%- if execute -%}
        {%- set found = run_query(
            "select 1 from pg_index where indrelid = to_regclass('" ~ this ~ "') and indpred is not null"
        ) -%}
        {%- if not found.rows -%}
            create index on {{ this }} ({{ key | join(', ') }}) where first_date <> last_date
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
