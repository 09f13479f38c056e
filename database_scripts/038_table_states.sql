-- What each table held when dbt last built it, and what it was built from: a build keeps the tables
-- whose inputs are the same, and `o2r health` compares the tables of now with it.

create table if not exists ops.table_states (
    schema_name text not null,
    table_name text not null,
    target text not null,
    layer text not null,
    reads text [] not null,
    row_count bigint not null,
    checksum numeric not null,
    noted_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    primary key (schema_name, table_name)
);
alter table ops.table_states add column if not exists inputs text;
comment on table ops.table_states is
    'One row per table that dbt has built, written with the table, whoever started dbt; slim CI '
    'apart.';
comment on column ops.table_states.schema_name is 'Schema; gold in its shadow until it is published.';
comment on column ops.table_states.table_name is 'Table.';
comment on column ops.table_states.target is 'dbt target: prod, dev, ci or personal.';
comment on column ops.table_states.layer is 'seeds, silver (tables, not views), gold or snapshots.';
comment on column ops.table_states.reads is 'Models, seeds and snapshots that it is made from.';
comment on column ops.table_states.row_count is 'Its rows.';
comment on column ops.table_states.checksum is 'Sum of the hashes of its rows, in any order.';
comment on column ops.table_states.noted_at is 'When it was last built.';
comment on column ops.table_states.changed_at is 'When a build last gave other rows than the one before.';
comment on column ops.table_states.inputs is
    'MD5 over its code and the states of all that it is made from; null where that is not known.';

create table if not exists ops.passed_tests (
    target text not null,
    test text not null,
    inputs text not null,
    primary key (target, test)
);
comment on table ops.passed_tests is
    'One row per data test that a build of the target has found without a failing row.';
comment on column ops.passed_tests.target is 'dbt target: prod, dev, ci or personal.';
comment on column ops.passed_tests.test is 'Name of the test in dbt.';
comment on column ops.passed_tests.inputs is 'MD5 over its code and the states of what it read.';

create table if not exists ops.bronze_states (
    table_name text primary key,
    version text not null,
    changed_at timestamptz not null default now()
);
comment on table ops.bronze_states is
    'One row per table of bronze, as the newest dbt run found it at its start.';
comment on column ops.bronze_states.table_name is 'Bronze table.';
comment on column ops.bronze_states.version is 'From ops.bronze_versions.';
comment on column ops.bronze_states.changed_at is 'When a run first found this version.';

-- A row of another tool counts whatever its stamp says: its transaction may have committed late, or
-- its tool may date it back. Once the clock has passed a stamp ahead of it, the row is an arrival.
create or replace function ops.bronze_versions(tables text [])
returns table (table_name text, version text)
language plpgsql stable as $$
begin
    foreach table_name in array tables
    loop
        execute format(
            'select md5(concat_ws('' '', '
            '(select string_agg(concat(batch_id, checksum), '' '' order by batch_id) '
            ' from ops.load_batches where table_name = %1$L), '
            '(select string_agg(concat(kind, batch_id, '':'', change_number), '' '' '
            '  order by kind, batch_id, change_number) '
            ' from (select distinct kind, batch_id, change_number from ops.changed_days '
            '  where table_name = %1$L) as changes), '
            'count(*), extract(epoch from max(loaded_at) filter (where loaded_at <= now())))) '
            'from raw_bronze.%1$I where batch_id is null', table_name
        ) into version;
        return next;
    end loop;
end
$$;
comment on function ops.bronze_versions is
    'A text for each of these tables of bronze that is another one when anything has happened to it.';
