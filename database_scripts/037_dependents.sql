-- Views that people made on tables which a build or publish replaces: they follow to the new table.

create or replace function ops.wait_for_dependents(target regclass)
returns void
language plpgsql
security invoker
strict
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtext('o2r dependents'))
    from (
        select 1
        from pg_depend as found
        join pg_rewrite as rule on found.classid = 'pg_rewrite'::regclass and rule.oid = found.objid
        where found.refclassid = 'pg_class'::regclass and found.refobjid = target
            and rule.ev_class <> target
        limit 1
    ) as depends_on_it;
end
$$;
comment on function ops.wait_for_dependents is
    'Before a table that views depend on is built: let one at a time replace such a table, since a '
    'view on two of them would make two replacements wait for each other.';

create or replace function ops.replace_table(old regclass, new regclass)
returns void
language plpgsql
security invoker
strict
set search_path = pg_catalog, pg_temp
as $$
declare
    old_name constant text := old::text;
    new_name constant text := new::text;
    kind constant text :=
        (select case relkind when 'v' then 'view' else 'table' end from pg_class where oid = old);
    dependent record;
    reason text;
begin
    for dependent in
        select distinct rule.ev_class::regclass as name,
            coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '') as options
        from pg_depend as found
        join pg_rewrite as rule on found.classid = 'pg_rewrite'::regclass and rule.oid = found.objid
        join pg_class as c on c.oid = rule.ev_class
        where found.refclassid = 'pg_class'::regclass and found.refobjid = old
            and rule.ev_class <> old and c.relkind = 'v'
    loop
        -- the view stays what it is: owner, grants, comment, and the views that depend on it
        begin
            execute format(
                'create or replace view %s%s as %s', dependent.name, dependent.options,
                replace(pg_get_viewdef(dependent.name), old_name, new_name)
            );
        exception when others then
            get stacked diagnostics reason = message_text;
            if sqlstate in ('40P01', '55P03') then
                raise;
            end if;
            raise exception 'view % depends on % and does not fit its new form (%)',
                dependent.name, new_name, replace(reason, old_name, new_name)
            using errcode = 'dependent_objects_still_exist',
                hint = 'Drop the view, build again, and create it again if it is still needed.';
        end;
    end loop;
    begin
        execute format('drop %s %s', kind, old_name);
    exception when dependent_objects_still_exist then
        get stacked diagnostics reason = pg_exception_detail;
        raise exception 'the old % cannot be dropped: %',
            new_name, replace(replace(reason, old_name, new_name), chr(10), '; ')
        using errcode = 'dependent_objects_still_exist',
            hint = 'Only views follow to a new table. Drop these and build again.';
    end;
end
$$;
comment on function ops.replace_table is
    'Part of a build or publish, in its transaction: let the views on the table `old` read `new`, '
    'and drop `old`. Fails with the names of what depends on it and cannot follow; nothing is dropped '
    'along with it. Does nothing when one of both is null.';

create or replace function ops.widen_column(target regclass, name text, new_type text)
returns void
language plpgsql
security invoker
strict
set search_path = pg_catalog, pg_temp
as $$
declare
    reader record;
    made_again text[] := '{}';
    statement text;
begin
    -- PostgreSQL alters no column that a view reads
    for reader in
        with recursive readers (oid, depth) as (
            select rule.ev_class, 1
            from pg_depend as found
            join pg_rewrite as rule on found.classid = 'pg_rewrite'::regclass and rule.oid = found.objid
            join pg_attribute as a on a.attrelid = found.refobjid and a.attnum = found.refobjsubid
            where found.refclassid = 'pg_class'::regclass and found.refobjid = target
                and a.attname = name
            union
            select rule.ev_class, readers.depth + 1
            from readers
            join pg_depend as found
                on found.refclassid = 'pg_class'::regclass and found.refobjid = readers.oid
            join pg_rewrite as rule on found.classid = 'pg_rewrite'::regclass and rule.oid = found.objid
            where rule.ev_class <> readers.oid
        )
        select c.oid, c.oid::regclass as name, c.relkind, c.relowner::regrole as owner, c.relacl,
            coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '') as options
        from (select oid, max(depth) as depth from readers group by oid) as last
        join pg_class as c on c.oid = last.oid
        order by last.depth desc, c.oid
    loop
        if reader.relkind <> 'v' or exists (select from pg_trigger where tgrelid = reader.oid) then
            raise exception 'column % of % is read by %, which cannot be made again',
                name, target, reader.name
            using errcode = 'dependent_objects_still_exist',
                hint = 'drop that, run `o2r setup`, and create it again';
        end if;
        made_again := array[
            format('create view %s%s as %s', reader.name, reader.options, pg_get_viewdef(reader.oid)),
            format('alter view %s owner to %s', reader.name, reader.owner)
        ] || array(
            -- who may do what by default is taken back first
            select format(
                'revoke all on %s from %s', reader.name,
                case grantee when 0 then 'public' else grantee::regrole::text end
            )
            from pg_default_acl, aclexplode(defaclacl)
            where defaclobjtype = 'r' and grantee <> defaclrole
            group by grantee
        ) || array(
            select format(
                'grant %s on %s to %s%s', privilege_type, reader.name,
                case grantee when 0 then 'public' else grantee::regrole::text end,
                case when is_grantable then ' with grant option' else '' end
            )
            from aclexplode(reader.relacl)
        ) || array(
            select format(
                'grant %s (%I) on %s to %s%s', privilege_type, attname, reader.name,
                case grantee when 0 then 'public' else grantee::regrole::text end,
                case when is_grantable then ' with grant option' else '' end
            )
            from pg_attribute, aclexplode(attacl)
            where attrelid = reader.oid
        ) || array(
            select case objsubid
                when 0 then format('comment on view %s is %L', reader.name, description)
                else format(
                    'comment on column %s.%I is %L', reader.name,
                    (select attname from pg_attribute where attrelid = objoid and attnum = objsubid),
                    description
                )
            end
            from pg_description
            where classoid = 'pg_class'::regclass and objoid = reader.oid
        ) || made_again;
        execute format('drop view %s', reader.name);
    end loop;
    execute format('alter table %s alter column %I type %s', target, name, new_type);
    foreach statement in array made_again loop
        execute statement;
    end loop;
end
$$;
comment on function ops.widen_column is
    'Part of `o2r setup`, in its transaction: give a column a wider type. Views that read it, and '
    'those on them, are made again as they were: owner, grants, comments.';
