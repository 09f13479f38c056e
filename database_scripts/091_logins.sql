-- Whom machines log in as. o2r_loader loads files and reads no silver or gold, o2r_builder runs dbt
-- and reads bronze, o2r_ci builds pull requests beside production, which it can only read. Roles
-- belong to the server; `o2r setup` gives a password to those that have one in .env.

do $$
declare
    login text;
    place text;
begin
    foreach login in array array['o2r_loader', 'o2r_builder', 'o2r_ci']
    loop
        execute format('revoke all on database %I from %I', current_database(), login);
        execute format('grant connect, temporary on database %I to %I', current_database(), login);
        foreach place in array array[
            'public', 'raw_bronze', 'seeds', 'staging_silver', 'intermediate_silver',
            'staging_silver_ds', 'mart_gold', 'snapshots', 'test_failures', 'ops'
        ]
        loop
            -- o2r_builder owns the rest
            continue when login = 'o2r_builder' and place not in ('public', 'raw_bronze', 'ops');
            execute format('revoke all on schema %I from %I', place, login);
            execute format('revoke all on all tables in schema %I from %I', place, login);
            execute format('revoke all on all sequences in schema %I from %I', place, login);
            execute format('revoke all on all functions in schema %I from %I', place, login);
        end loop;
    end loop;
    -- dbt makes personal, shadow and pull request's schemas itself
    execute format('grant create on database %I to o2r_builder, o2r_ci', current_database());
end
$$;

grant usage on schema raw_bronze, ops to o2r_loader, o2r_builder, o2r_ci;

-- o2r_loader
grant select, insert, delete on all tables in schema raw_bronze to o2r_loader;
alter default privileges in schema raw_bronze grant select, insert, delete on tables to o2r_loader;
grant select, insert, update, delete on ops.load_batches, ops.changed_days, ops.repeated_rows,
    ops.quarantined_rows, ops.synthetic_truth to o2r_loader;
grant usage, select on all sequences in schema ops to o2r_loader;
grant execute on function ops.ensure_month_partition to o2r_loader;

do $$
begin
    if current_setting('server_version_num')::integer >= 170000 then
        grant maintain on all tables in schema raw_bronze to o2r_loader;
        alter default privileges in schema raw_bronze grant maintain on tables to o2r_loader;
    end if;
end
$$;

-- o2r_builder
grant select on all tables in schema raw_bronze to o2r_builder;
alter default privileges in schema raw_bronze grant select on tables to o2r_builder;
grant select, insert, update, delete on all tables in schema ops to o2r_builder;
revoke update, delete on ops.company_settings from o2r_builder;
alter default privileges in schema ops
    grant select, insert, update, delete on tables to o2r_builder;
grant usage, select on all sequences in schema ops to o2r_builder;
grant execute on all functions in schema ops to o2r_builder;
alter default privileges for role o2r_builder in schema seeds, staging_silver,
    intermediate_silver, staging_silver_ds, mart_gold, snapshots, test_failures
    grant select on tables to data_engineer;
alter default privileges for role o2r_builder in schema seeds, staging_silver,
    intermediate_silver, staging_silver_ds, mart_gold, snapshots, test_failures
    grant select, insert, update, delete, truncate on tables to analytics_engineer;
alter default privileges for role o2r_builder in schema seeds, staging_silver,
    intermediate_silver, staging_silver_ds, mart_gold grant select on tables to data_scientist;
alter default privileges for role o2r_builder in schema mart_gold
    grant select on tables to business_user, metabase_reader, partner_dw_engineer;

-- o2r_ci: what a pull request defers to, and what it builds from
grant usage on schema seeds, staging_silver, intermediate_silver, staging_silver_ds, mart_gold,
    snapshots to o2r_ci;
grant select on all tables in schema raw_bronze, seeds, staging_silver, intermediate_silver,
    staging_silver_ds, mart_gold, snapshots to o2r_ci;
alter default privileges in schema raw_bronze grant select on tables to o2r_ci;
alter default privileges in schema seeds, staging_silver, intermediate_silver, staging_silver_ds,
    mart_gold, snapshots grant select on tables to o2r_ci;
alter default privileges for role o2r_builder in schema seeds, staging_silver,
    intermediate_silver, staging_silver_ds, mart_gold, snapshots grant select on tables to o2r_ci;
grant select on ops.load_batches, ops.changed_days, ops.company_settings, ops.settings_in_force
    to o2r_ci;
grant execute on all functions in schema ops to o2r_ci;
