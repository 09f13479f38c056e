-- Bronze tables of the source `support`: as dbt/models/staging/support/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.support_tickets (
    ticket_id text not null,
    account_id text not null,
    created_at timestamptz not null,
    first_response_at timestamptz,
    resolved_at timestamptz,
    priority text,
    category text,
    status text,
    channel text,
    reopen_count integer,
    csat numeric(18, 6),
    last_updated timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (ticket_id, last_updated, loaded_at)
);
create index if not exists support_tickets_loaded_at
    on raw_bronze.support_tickets using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.csat_responses (
    response_id text not null,
    account_id text not null,
    contact text,
    survey_type text not null,
    score numeric(18, 6) not null,
    answered_at timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (response_id, loaded_at)
);
create index if not exists csat_responses_loaded_at
    on raw_bronze.csat_responses using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.customer_success_activities (
    activity_id text not null,
    account_id text not null,
    activity_type text not null,
    due_at timestamptz,
    done_at timestamptz,
    owner text,
    outcome text,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (activity_id, loaded_at)
);
create index if not exists customer_success_activities_loaded_at
    on raw_bronze.customer_success_activities using brin (loaded_at)
    with (autosummarize = on);
