-- Who may do what. Everything is taken back first, so that a second run leaves exactly this.
-- Default privileges cover what the role running this script (and dbt) creates later.
-- open_columns: what the contracts know and do not mark as `pii`, given by `o2r setup`.

do $$
declare
    roles constant text := 'data_engineer, analytics_engineer, data_scientist, business_user, '
        'partner_dw_engineer, metabase_reader';
    place text;
begin
    execute format('revoke all on database %I from public, %s', current_database(), roles);
    execute format('grant connect on database %I to %s', current_database(), roles);
    execute format(
        'grant temporary on database %I to data_engineer, analytics_engineer', current_database()
    );
    -- dbt makes the personal schemas (dbt_alice_...) itself
    execute format('grant create on database %I to analytics_engineer', current_database());

    foreach place in array array[
        'public', 'raw_bronze', 'seeds', 'staging_silver', 'intermediate_silver',
        'staging_silver_ds', 'mart_gold', 'snapshots', 'test_failures', 'ops'
    ]
    loop
        execute format('revoke all on schema %I from public, %s', place, roles);
        execute format('revoke all on all tables in schema %I from public, %s', place, roles);
        execute format('revoke all on all sequences in schema %I from public, %s', place, roles);
        execute format('revoke all on all functions in schema %I from public, %s', place, roles);
    end loop;
end
$$;
alter default privileges revoke execute on functions from public;

-- data_engineer: writes bronze and ops, reads the rest
grant usage on schema raw_bronze, ops, seeds, staging_silver, intermediate_silver,
    staging_silver_ds, mart_gold, snapshots, test_failures to data_engineer;
grant select, insert, update, delete on all tables in schema raw_bronze, ops to data_engineer;
grant usage, select on all sequences in schema ops to data_engineer;
grant execute on all functions in schema ops to data_engineer;
-- what a company has stated is never altered: another statement comes after it
revoke update, delete on ops.company_settings from data_engineer;
grant select on all tables in schema seeds, staging_silver, intermediate_silver,
    staging_silver_ds, mart_gold, snapshots, test_failures to data_engineer;
alter default privileges in schema raw_bronze, ops
    grant select, insert, update, delete on tables to data_engineer;
alter default privileges in schema seeds, staging_silver, intermediate_silver,
    staging_silver_ds, mart_gold, snapshots, test_failures grant select on tables to data_engineer;

-- analytics_engineer: builds silver and gold, reads bronze without personal data, reads ops
grant usage on schema raw_bronze, ops to analytics_engineer;
grant usage, create on schema seeds, staging_silver, intermediate_silver, staging_silver_ds,
    mart_gold, snapshots, test_failures to analytics_engineer;
grant select, insert, update, delete, truncate on all tables in schema seeds, staging_silver,
    intermediate_silver, staging_silver_ds, mart_gold, snapshots, test_failures to analytics_engineer;
grant select on all tables in schema ops to analytics_engineer;
grant insert, update, delete on ops.table_states, ops.bronze_states, ops.passed_tests
    to analytics_engineer;
grant execute on function ops.bronze_versions, ops.resolve_identities, ops.label_components,
    ops.open_crowded_components, ops.part_components,
    ops.wait_for_dependents, ops.replace_table to analytics_engineer;
-- the original text of a row kept out may hold an e-mail address
revoke select on ops.quarantined_rows from analytics_engineer;
grant select (batch_id, row_number, table_name, reason, column_name)
    on ops.quarantined_rows to analytics_engineer;
alter default privileges in schema seeds, staging_silver, intermediate_silver,
    staging_silver_ds, mart_gold, snapshots, test_failures
    grant select, insert, update, delete, truncate on tables to analytics_engineer;

-- partner_dw_engineer: the configuration, capacity and quota tables of bronze, and gold below
grant usage on schema raw_bronze to partner_dw_engineer;

do $$
declare
    granted record;
begin
    for granted in
        select c.oid::regclass as table_name,
            c.relname in (
                'config_model_dimensions', 'config_model_region_availability',
                'resource_accelerator_inventory', 'resource_model_utilization',
                'resource_model_instance_allocation', 'quota_default_rate_limits',
                'quota_customer_rate_limit_adjustments', 'quota_customer_rate_limit_requests'
            ) as for_partner,
            string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = 'raw_bronze'::regnamespace
            and c.relkind in ('r', 'p') and not c.relispartition
            and (c.relname, a.attname) in (select table_name, column_name from open_columns)
        group by c.oid
    loop
        execute format(
            'grant select (%s) on %s to analytics_engineer', granted.columns, granted.table_name
        );
        if granted.for_partner then
            execute format(
                'grant select (%s) on %s to partner_dw_engineer',
                granted.columns, granted.table_name
            );
        end if;
    end loop;
end
$$;

-- data_scientist: reads silver and gold
grant usage on schema seeds, staging_silver, intermediate_silver, staging_silver_ds, mart_gold
    to data_scientist;
grant select on all tables in schema seeds, staging_silver, intermediate_silver,
    staging_silver_ds, mart_gold to data_scientist;
alter default privileges in schema seeds, staging_silver, intermediate_silver,
    staging_silver_ds, mart_gold grant select on tables to data_scientist;

-- business_user, metabase_reader, partner_dw_engineer: read gold
grant usage on schema mart_gold to business_user, metabase_reader, partner_dw_engineer;
grant select on all tables in schema mart_gold
    to business_user, metabase_reader, partner_dw_engineer;
alter default privileges in schema mart_gold
    grant select on tables to business_user, metabase_reader, partner_dw_engineer;
