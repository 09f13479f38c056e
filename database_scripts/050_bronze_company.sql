-- Bronze tables of the source `company`: as dbt/models/staging/company/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.metric_targets (
    metric text not null,
    valid_from date not null,
    target numeric(18, 6),
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (metric, valid_from, loaded_at)
);
create index if not exists metric_targets_loaded_at
    on raw_bronze.metric_targets using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.health_levels (
    valid_from date not null,
    full_events_per_user_day numeric(18, 6),
    full_active_days_pct numeric(18, 6),
    full_feature_breadth_pct numeric(18, 6),
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (valid_from, loaded_at)
);
create index if not exists health_levels_loaded_at
    on raw_bronze.health_levels using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.sla_targets (
    priority text not null,
    valid_from date not null,
    clock text not null,
    schedule text not null,
    first_response_hours numeric(18, 6),
    resolution_hours numeric(18, 6),
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (priority, valid_from, loaded_at)
);
create index if not exists sla_targets_loaded_at
    on raw_bronze.sla_targets using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.feed_statements (
    bronze_table text not null,
    complete_to date not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (bronze_table, complete_to, loaded_at)
);
create index if not exists feed_statements_loaded_at
    on raw_bronze.feed_statements using brin (loaded_at)
    with (autosummarize = on);
