-- Bronze tables of the source `platform`: as dbt/models/staging/platform/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.platform_incidents (
    incident_id text not null,
    started_at timestamptz not null,
    resolved_at timestamptz,
    severity text,
    component text,
    region text,
    downtime_minutes numeric(18, 6),
    last_updated timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (incident_id, last_updated, loaded_at)
);
create index if not exists platform_incidents_loaded_at
    on raw_bronze.platform_incidents using brin (loaded_at)
    with (autosummarize = on);
