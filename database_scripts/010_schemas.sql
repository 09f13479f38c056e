-- Schemas of the warehouse. dbt's target `prod` writes to these names, other targets prefix them.

create schema if not exists raw_bronze;
create schema if not exists seeds;
create schema if not exists staging_silver;
create schema if not exists intermediate_silver;
create schema if not exists staging_silver_ds;
create schema if not exists mart_gold;
create schema if not exists snapshots;
create schema if not exists test_failures;
create schema if not exists ops;

comment on schema raw_bronze is 'Rows as delivered, append-only.';
comment on schema seeds is 'Small tables kept in git: targets, currency rates, metric catalogue.';
comment on schema staging_silver is 'One view per bronze table: cast, renamed, deduplicated.';
comment on schema intermediate_silver is 'Heavy, incremental, additive steps.';
comment on schema staging_silver_ds is 'Outputs of data science models.';
comment on schema mart_gold is 'Facts, dimensions and marts: what dashboards read.';
comment on schema snapshots is 'History of slowly changing sources.';
comment on schema test_failures is 'Rows at fault, of the tests that keep them.';
comment on schema ops is 'Load ledger, quarantine, planted truth of the synthetic data.';
