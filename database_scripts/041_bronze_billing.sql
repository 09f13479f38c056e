-- Bronze tables of the source `billing`: as dbt/models/staging/billing/_sources.yml says, plus
-- loaded_at, batch_id and source_file. tests/integration/test_bronze_tables.py holds both in step.

create table if not exists raw_bronze.subscriptions (
    subscription_id text not null,
    event_timestamp timestamptz not null,
    crm_account_id text not null,
    crm_contact_id text,
    plan_name text,
    plan_type text,
    mrr numeric(18, 6),
    arr numeric(18, 6),
    currency text,
    status text not null,
    start_date timestamptz,
    renewal_date timestamptz,
    cancellation_date timestamptz,
    created_at timestamptz,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (subscription_id, event_timestamp, loaded_at)
);
create index if not exists subscriptions_loaded_at
    on raw_bronze.subscriptions using brin (loaded_at)
    with (autosummarize = on);

-- Older databases have the status in the key. Two rows that only it told apart arrived in one
-- instant; the later stage of the contract's life is the newer one, and all rows stay.
do $$
begin
    if exists (
        select 1
        from pg_constraint
        inner join pg_attribute
            on pg_attribute.attrelid = pg_constraint.conrelid
            and pg_attribute.attnum = any(pg_constraint.conkey)
        where pg_constraint.conrelid = 'raw_bronze.subscriptions'::regclass
            and pg_constraint.contype = 'p'
            and pg_attribute.attname = 'status'
    ) then
        alter table raw_bronze.subscriptions drop constraint subscriptions_pkey;
        update raw_bronze.subscriptions as delivered
        set loaded_at = delivered.loaded_at + (ranked.place - 1) * interval '1 microsecond'
        from (
            select
                ctid,
                row_number() over (
                    partition by subscription_id, event_timestamp, loaded_at
                    order by
                        case lower(trim(status)) when 'trial' then 1 when 'active' then 2 else 3 end,
                        status
                ) as place
            from raw_bronze.subscriptions
        ) as ranked
        where delivered.ctid = ranked.ctid and ranked.place > 1;
        alter table raw_bronze.subscriptions
            add primary key (subscription_id, event_timestamp, loaded_at);
    end if;
end
$$;

create table if not exists raw_bronze.invoices (
    invoice_id text not null,
    account_id text not null,
    invoice_date date not null,
    amount numeric(18, 6) not null,
    currency text not null,
    status text not null,
    line_items text,
    last_updated timestamptz not null,
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (invoice_id, last_updated, loaded_at)
);
create index if not exists invoices_loaded_at
    on raw_bronze.invoices using brin (loaded_at)
    with (autosummarize = on);

create table if not exists raw_bronze.revenue_account_daily (
    account_id text not null,
    product_sku text not null,
    model_variant text not null,
    inference_scope text not null,
    region text not null,
    billing_type text not null,
    currency_code text not null,
    revenue_date date not null,
    snapshot_date date not null,
    gross_revenue_input_tokens numeric(18, 6),
    gross_revenue_output_tokens numeric(18, 6),
    gross_revenue_cache_read_tokens numeric(18, 6),
    gross_revenue_cache_write_tokens numeric(18, 6),
    savings_plan_amount numeric(18, 6),
    discount_amount numeric(18, 6),
    loaded_at timestamptz not null default now(),
    batch_id bigint,
    source_file text,
    primary key (
        account_id, product_sku, model_variant, inference_scope, region, billing_type,
        currency_code, revenue_date, snapshot_date, loaded_at
    )
);
create index if not exists revenue_account_daily_loaded_at
    on raw_bronze.revenue_account_daily using brin (loaded_at)
    with (autosummarize = on);
