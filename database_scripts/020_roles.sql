-- Group roles, all NOLOGIN: a person or a tool logs in with a role of its own that is a member.
-- Roles belong to the server, not to the database, so another database may have made them already.

do $$
declare
    wanted text;
begin
    foreach wanted in array array[
        'data_engineer', 'analytics_engineer', 'data_scientist', 'business_user',
        'partner_dw_engineer', 'metabase_reader'
    ]
    loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
end
$$;
