-- Bronze tables of the source `quota`: as dbt/models/staging/quota/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.quota_default_rate_limits (
    model_variant text not null,
    inference_scope text not null,
    source_region text not null,
    snapshot_date date not null,
    requests_per_minute bigint,
    tokens_per_minute bigint,
    tokens_per_day bigint,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (model_variant, inference_scope, source_region, snapshot_date, loaded_at)
);
create index if not exists quota_default_rate_limits_loaded_at
    on raw_bronze.quota_default_rate_limits using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.quota_customer_rate_limit_adjustments (
    account_id text not null,
    model_variant text not null,
    inference_scope text not null,
    source_region text not null,
    snapshot_date date not null,
    requests_per_minute bigint,
    tokens_per_minute bigint,
    tokens_per_day bigint,
    reason text,
    ticket_link text,
    approver text,
    effective_date date,
    expiry_date date,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (
        account_id, model_variant, inference_scope, source_region, snapshot_date, loaded_at
    )
);
create index if not exists quota_customer_rate_limit_adjustments_loaded_at
    on raw_bronze.quota_customer_rate_limit_adjustments using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.quota_customer_rate_limit_requests (
    account_id text not null,
    model_variant text not null,
    inference_scope text not null,
    source_region text not null,
    create_datetime timestamptz not null,
    limit_type text,
    requests_per_minute bigint,
    tokens_per_minute bigint,
    tokens_per_day bigint,
    status text not null,
    created_by text,
    last_updated timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (
        account_id, model_variant, inference_scope, source_region, create_datetime,
        last_updated, loaded_at
    )
);
create index if not exists quota_customer_rate_limit_requests_loaded_at
    on raw_bronze.quota_customer_rate_limit_requests using brin (loaded_at)
    with (autosummarize = on);
