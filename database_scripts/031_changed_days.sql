-- Which days of the event tables have changed: what incremental models rebuild.

create table if not exists ops.changed_days (
    table_name text not null,
    kind text not null,
    batch_id bigint,
    change_number bigint,
    event_date date not null,
    noted_at timestamptz not null default clock_timestamp(),
    constraint changed_days_once
    unique nulls not distinct (table_name, kind, batch_id, change_number, event_date),
    constraint changed_days_kind check (
        kind = 'batch' and batch_id is not null or kind = 'edit' and change_number is not null
    )
);

-- Until version 0.2 one column said in words what kind, batch_id and change_number say.
do $$
begin
    if exists (
        select from pg_attribute
        where attrelid = 'ops.changed_days'::regclass and attname = 'change' and not attisdropped
    ) then
        alter table ops.changed_days
            add column kind text, add column batch_id bigint, add column change_number bigint;
        update ops.changed_days set
            kind = case when change like 'batch %' then 'batch' else 'edit' end,
            batch_id = substring(change from '^batch (.*)$')::bigint,
            change_number = substring(change from '^change (.*)$')::bigint;
        alter table ops.changed_days
            drop column change,
            alter column kind set not null,
            add constraint changed_days_once
            unique nulls not distinct (table_name, kind, batch_id, change_number, event_date),
            add constraint changed_days_kind check (
                kind = 'batch' and batch_id is not null
                or kind = 'edit' and change_number is not null
            );
    end if;
end
$$;
comment on table ops.changed_days is
    'One row per bronze table, change and day (UTC) whose rows the change touched; written in the '
    'transaction of the change.';
comment on column ops.changed_days.table_name is 'Bronze table.';
comment on column ops.changed_days.kind is
    '`batch`: a load. `edit`: an update, an erasure or a backfill.';
comment on column ops.changed_days.batch_id is 'The load, of a batch.';
comment on column ops.changed_days.change_number is 'From ops.change_number, of an edit.';
comment on column ops.changed_days.event_date is 'Day, UTC, of rows added, altered or erased.';
comment on column ops.changed_days.noted_at is 'When the change was noted.';

create sequence if not exists ops.change_number;

create or replace function ops.note_changed_days()
returns trigger
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    day_of constant text := tg_argv[0];
    key constant text := tg_argv[1];
    this_table constant text := format('%I.%I', tg_table_schema, tg_table_name);
    rows_touched constant text := case tg_op
        when 'DELETE' then 'select * from old_rows'
        when 'UPDATE' then 'select * from old_rows union all select * from new_rows'
        else format('select * from %s', this_table)
    end;
begin
    -- another version of an erased key may stand on another day, and count again from now on
    execute format(
        'insert into ops.changed_days (table_name, kind, change_number, event_date) '
        'with touched as (%s) '
        'select distinct %L, ''edit'', cast(%L as bigint), day from ('
        '  select %s as day from touched '
        '  union all '
        '  select %s from %s as versions where (%s) in (select %s from touched)'
        ') as days',
        rows_touched, tg_table_name, nextval('ops.change_number'),
        day_of, day_of, this_table, key, key
    );
    return null;
end
$$;
comment on function ops.note_changed_days is
    'Trigger of an event table: note the days of rows updated, erased or truncated. Arguments: the '
    'expression of a row''s day in UTC, and the business key.';

create or replace function ops.watch_changes(target regclass, day_of text, key text)
returns void
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant text :=
        format('for each statement execute function ops.note_changed_days(%L, %L)', day_of, key);
begin
    execute format(
        'create or replace trigger note_erased after delete on %s '
        'referencing old table as old_rows %s', target, body
    );
    execute format(
        'create or replace trigger note_updated after update on %s '
        'referencing old table as old_rows new table as new_rows %s', target, body
    );
    execute format('create or replace trigger note_truncated before truncate on %s %s', target, body);
end
$$;
comment on function ops.watch_changes is
    'Have an event table note its updates and erasures, see ops.note_changed_days.';
