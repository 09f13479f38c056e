-- Bronze tables of the source `inference`: as dbt/models/staging/inference/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.config_model_dimensions (
    model_variant text not null,
    snapshot_date date not null,
    publisher text,
    display_name text,
    resource_name text,
    model_family text,
    variant text,
    version text,
    task text,
    inference_scope text,
    is_open_source boolean,
    replicas integer,
    max_concurrency integer,
    ideal_concurrency integer,
    max_rps numeric(18, 6),
    accelerator_type text,
    accelerators_per_replica integer,
    memory_gb numeric(18, 6),
    endpoint text,
    tokens_per_second numeric(18, 6),
    avg_tokens_per_request numeric(18, 6),
    avg_latency_seconds numeric(18, 6),
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (model_variant, snapshot_date, loaded_at)
);
create index if not exists config_model_dimensions_loaded_at
    on raw_bronze.config_model_dimensions using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.config_model_region_availability (
    model_variant text not null,
    source_region text not null,
    snapshot_date date not null,
    deployed_at timestamptz,
    is_active boolean,
    routing_strategy text,
    inference_region text,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (model_variant, source_region, snapshot_date, loaded_at)
);
create index if not exists config_model_region_availability_loaded_at
    on raw_bronze.config_model_region_availability using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.inference_user_token_usage_open_source (
    request_id text not null,
    account_id text not null,
    api_name text,
    model_variant text,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    source_region text,
    inference_region text,
    traffic_type text,
    inference_scope text,
    latency_ms numeric(18, 6),
    error_code text,
    event_timestamp timestamptz not null,
    local_timestamp timestamp,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (request_id, loaded_at, event_timestamp)
) partition by range (event_timestamp);
create table if not exists raw_bronze.inference_user_token_usage_open_source_default
    partition of raw_bronze.inference_user_token_usage_open_source default;
create index if not exists inference_user_token_usage_open_source_loaded_at
    on raw_bronze.inference_user_token_usage_open_source using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.inference_user_token_usage_proprietary (
    request_id text not null,
    account_id text not null,
    api_name text,
    model_variant text,
    input_tokens bigint,
    output_tokens bigint,
    cache_read_tokens bigint,
    cache_write_tokens bigint,
    source_region text,
    inference_region text,
    traffic_type text,
    inference_scope text,
    latency_ms numeric(18, 6),
    error_code text,
    event_timestamp timestamptz not null,
    local_timestamp timestamp,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (request_id, loaded_at, event_timestamp)
) partition by range (event_timestamp);
create table if not exists raw_bronze.inference_user_token_usage_proprietary_default
    partition of raw_bronze.inference_user_token_usage_proprietary default;
create index if not exists inference_user_token_usage_proprietary_loaded_at
    on raw_bronze.inference_user_token_usage_proprietary using brin (loaded_at)
    with (autosummarize = on);
