-- Group roles, all NOLOGIN: a person or a tool logs in with a role of its own that is a member. Whom
-- machines log in as (091_logins.sql) may. Roles belong to the server, not to the database, so another
-- database may have made them already.

do $$
declare
    wanted record;
begin
    for wanted in
        values ('data_engineer', 'nologin'), ('analytics_engineer', 'nologin'),
            ('data_scientist', 'nologin'), ('business_user', 'nologin'),
            ('partner_dw_engineer', 'nologin'), ('metabase_reader', 'nologin'),
            ('o2r_loader', 'login'), ('o2r_builder', 'login'), ('o2r_ci', 'login')
    loop
        if not exists (select from pg_roles where rolname = wanted.column1) then
            begin
                execute format('create role %I %s', wanted.column1, wanted.column2);
            exception
                when duplicate_object or unique_violation then null;
            end;
        end if;
    end loop;
end
$$;
