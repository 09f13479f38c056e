-- Bronze, silver and gold compared after every complete build, and before every publish.

create table if not exists ops.reconciliation (
    build_id bigint not null references ops.builds (build_id) on delete cascade,
    target text not null,
    check_name text not null,
    unit text not null,
    bronze numeric not null,
    silver numeric not null,
    gold numeric not null,
    difference numeric not null,
    left_out_count bigint not null,
    is_equal boolean not null generated always as (difference = 0) stored,
    checked_at timestamptz not null default now(),
    primary key (build_id, check_name, unit)
);
comment on table ops.reconciliation is
    'One row per build or publish, check and unit: what each layer holds up to the as-of day.';
comment on column ops.reconciliation.build_id is 'Run in ops.builds.';
comment on column ops.reconciliation.target is 'dbt target: prod, dev, ci or personal.';
comment on column ops.reconciliation.check_name is 'revenue, requests, events or tickets.';
comment on column ops.reconciliation.unit is 'What is added up: the currency, requests, feature uses, other events or tickets.';
comment on column ops.reconciliation.bronze is
    'Newest version of every business key, counted without the models.';
comment on column ops.reconciliation.silver is 'The same in silver.';
comment on column ops.reconciliation.gold is 'The same in gold; for a publish, in its shadow.';
comment on column ops.reconciliation.difference is
    'Largest less smallest of the three, added up over the days, so that days cannot make up for '
    'each other.';
comment on column ops.reconciliation.left_out_count is
    'Days (of tickets: tickets) left out in all layers, as bronze has news of them that the run had '
    'not read.';
comment on column ops.reconciliation.is_equal is 'Whether all layers agree.';
comment on column ops.reconciliation.checked_at is 'When they were compared.';

create table if not exists ops.left_out_rows (
    build_id bigint not null references ops.builds (build_id) on delete cascade,
    target text not null,
    table_name text not null,
    row_count bigint not null,
    merged_keys bigint not null,
    checked_at timestamptz not null default now(),
    primary key (build_id, table_name)
);
comment on table ops.left_out_rows is
    'One row per build or publish and bronze table: what its contract keeps out of every model.';
comment on column ops.left_out_rows.build_id is 'Run in ops.builds.';
comment on column ops.left_out_rows.target is 'dbt target: prod, dev, ci or personal.';
comment on column ops.left_out_rows.table_name is 'Bronze table.';
comment on column ops.left_out_rows.row_count is
    'Rows that the contract forbids (words, bounds, checks): another tool wrote them, or an older '
    'version let them in. They stay in bronze, and no model reads them.';
comment on column ops.left_out_rows.merged_keys is
    'Keys that differ from another one in case or blanks only, and are one with it in silver.';
comment on column ops.left_out_rows.checked_at is 'When they were counted.';
