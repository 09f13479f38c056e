-- Bronze tables of the source `capacity`: as dbt/models/staging/capacity/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.resource_accelerator_inventory (
    odcr text not null,
    event_timestamp timestamptz not null,
    instance_type text,
    platform text,
    region text,
    service_account text,
    consumer_account text,
    total_instances integer,
    idle_instances integer,
    warmpool_instances integer,
    used_instances integer,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (odcr, event_timestamp, loaded_at)
);
create index if not exists resource_accelerator_inventory_loaded_at
    on raw_bronze.resource_accelerator_inventory using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.resource_model_utilization (
    pod_id text not null,
    event_timestamp timestamptz not null,
    model_variant text not null,
    instance_type text,
    role text,
    pod_max_concurrency integer,
    actual_concurrency integer,
    util_ratio numeric(18, 6),
    region text,
    status text,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (pod_id, event_timestamp, loaded_at)
) partition by range (event_timestamp);
create table if not exists raw_bronze.resource_model_utilization_default
    partition of raw_bronze.resource_model_utilization default;
create index if not exists resource_model_utilization_loaded_at
    on raw_bronze.resource_model_utilization using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.resource_model_instance_allocation (
    model_variant text not null,
    region text not null,
    instance_type text not null,
    event_timestamp timestamptz not null,
    used_instances integer,
    warmpool_instances integer,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (model_variant, region, instance_type, event_timestamp, loaded_at)
);
create index if not exists resource_model_instance_allocation_loaded_at
    on raw_bronze.resource_model_instance_allocation using brin (loaded_at)
    with (autosummarize = on);
