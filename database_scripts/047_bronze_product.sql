-- Bronze tables of the source `product`: as dbt/models/staging/product/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.product_usage_events (
    event_id text not null,
    event_timestamp timestamptz not null,
    product_user_id text,
    crm_contact_id text,
    crm_account_id text,
    event_type text not null,
    feature_name text,
    session_duration_sec bigint,
    device_class text,
    browser text,
    country text,
    created_at timestamptz,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (event_id, loaded_at, event_timestamp)
) partition by range (event_timestamp);
create table if not exists raw_bronze.product_usage_events_default
    partition of raw_bronze.product_usage_events default;
create index if not exists product_usage_events_loaded_at
    on raw_bronze.product_usage_events using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.onboarding_step_events (
    event_id text not null,
    account_id text not null,
    product_user_id text,
    journey text not null,
    step text not null,
    action text not null,
    error_code text,
    event_timestamp timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (event_id, loaded_at, event_timestamp)
) partition by range (event_timestamp);
create table if not exists raw_bronze.onboarding_step_events_default
    partition of raw_bronze.onboarding_step_events default;
create index if not exists onboarding_step_events_loaded_at
    on raw_bronze.onboarding_step_events using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.product_feature_releases (
    feature_name text not null,
    released_at timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (feature_name, released_at, loaded_at)
);
create index if not exists product_feature_releases_loaded_at
    on raw_bronze.product_feature_releases using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.experiment_assignments (
    experiment_id text not null,
    unit_id text not null,
    unit_type text,
    variant text not null,
    assigned_at timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (experiment_id, unit_id, loaded_at)
);
create index if not exists experiment_assignments_loaded_at
    on raw_bronze.experiment_assignments using brin (loaded_at)
    with (autosummarize = on);
