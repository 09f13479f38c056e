-- Bronze tables of the source `web`: as dbt/models/staging/web/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.web_events (
    event_id text not null,
    event_timestamp timestamptz not null,
    fp_cookie_id text,
    hem text,
    crm_contact_id text,
    event_type text not null,
    page_url text,
    utm_source text,
    utm_medium text,
    utm_campaign text,
    gclid text,
    gbraid text,
    wbraid text,
    device_class text,
    browser text,
    country text,
    created_at timestamptz,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (event_id, loaded_at, event_timestamp)
) partition by range (event_timestamp);
create table if not exists raw_bronze.web_events_default
    partition of raw_bronze.web_events default;
create index if not exists web_events_loaded_at
    on raw_bronze.web_events using brin (loaded_at)
    with (autosummarize = on);
