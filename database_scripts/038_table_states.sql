-- What each table held when dbt last built it: `o2r health` compares the tables of now with it.

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
comment on table ops.table_states is
    'One row per table that dbt has built, written at the end of every dbt run by the hook '
    'note_tables, whoever started it; slim CI apart.';
comment on column ops.table_states.schema_name is 'Schema; gold in its shadow until it is published.';
comment on column ops.table_states.table_name is 'Table.';
comment on column ops.table_states.target is 'dbt target: prod, dev, ci or personal.';
comment on column ops.table_states.layer is 'seeds, silver (tables, not views), gold or snapshots.';
comment on column ops.table_states.reads is 'Models, seeds and snapshots that it is made from.';
comment on column ops.table_states.row_count is 'Its rows.';
comment on column ops.table_states.checksum is 'Sum of the hashes of its rows, in any order.';
comment on column ops.table_states.noted_at is 'When it was last built.';
comment on column ops.table_states.changed_at is 'When a build last gave other rows than the one before.';
