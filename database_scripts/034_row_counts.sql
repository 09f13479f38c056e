-- Rows of every table after each complete build and publish.

create table if not exists ops.row_counts (
    build_id bigint not null references ops.builds (build_id) on delete cascade,
    layer text not null,
    table_name text not null,
    row_count bigint not null,
    primary key (build_id, layer, table_name)
);
comment on table ops.row_counts is 'One row per complete build or publish, layer and table.';
comment on column ops.row_counts.build_id is 'Run in ops.builds.';
comment on column ops.row_counts.layer is 'bronze, silver (tables, not views) or gold.';
comment on column ops.row_counts.table_name is 'Table.';
comment on column ops.row_counts.row_count is 'Its rows at the end of the run.';
