-- Bronze tables of the source `marketing`: as dbt/models/staging/marketing/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.marketing_campaigns (
    campaign_id text not null,
    campaign_name text,
    channel text,
    started_on date,
    ended_on date,
    updated_at timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (campaign_id, updated_at, loaded_at)
);
create index if not exists marketing_campaigns_loaded_at
    on raw_bronze.marketing_campaigns using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.marketing_spend_daily (
    campaign_id text not null,
    date date not null,
    channel text,
    impressions bigint,
    clicks bigint,
    cost numeric(18, 6),
    currency text,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (campaign_id, date, loaded_at)
);
create index if not exists marketing_spend_daily_loaded_at
    on raw_bronze.marketing_spend_daily using brin (loaded_at)
    with (autosummarize = on);
