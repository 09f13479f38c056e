-- Bronze tables of the source `crm`: as dbt/models/staging/crm/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.customer_details (
    account_id text not null,
    company text,
    account_name text,
    account_size text,
    employee_count integer,
    segment text,
    plan_tier text,
    vertical text,
    owner text,
    email text,
    city text,
    country text,
    is_active boolean,
    cs_score numeric(18, 6),
    is_fraud boolean,
    date_created timestamptz not null,
    date_updated timestamptz not null,
    data_source text,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (account_id, date_updated, loaded_at)
);
alter table raw_bronze.customer_details add column if not exists employee_count integer;
create index if not exists customer_details_loaded_at
    on raw_bronze.customer_details using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.crm_contacts (
    crm_contact_id text not null,
    crm_account_id text,
    hem text,
    hphone text,
    email text,
    phone text,
    first_name text,
    last_name text,
    job_role text,
    department text,
    seniority_level text,
    company_name text,
    company_size text,
    industry text,
    country text,
    lead_source text,
    lead_medium text,
    lead_campaign text,
    deal_stage text,
    consent_marketing boolean,
    consent_timestamp timestamptz,
    created_at timestamptz,
    updated_at timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (crm_contact_id, updated_at, loaded_at)
);
alter table raw_bronze.crm_contacts add column if not exists consent_marketing boolean;
alter table raw_bronze.crm_contacts add column if not exists consent_timestamp timestamptz;
create index if not exists crm_contacts_loaded_at
    on raw_bronze.crm_contacts using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.deal_stage_history (
    row_id text not null,
    event_timestamp timestamptz not null,
    crm_contact_id text,
    crm_account_id text,
    deal_id text not null,
    old_stage text,
    new_stage text not null,
    deal_value numeric(18, 6),
    currency text,
    created_at timestamptz,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (row_id, loaded_at)
);
create index if not exists deal_stage_history_loaded_at
    on raw_bronze.deal_stage_history using brin (loaded_at)
    with (autosummarize = on);
