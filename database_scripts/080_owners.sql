-- What dbt replaces belongs to whom dbt runs as. Before the grants: these lock no table and touch its
-- entry in the catalogue, for which an autovacuum of the table that this waits for would wait in turn.

do $$
declare
    place text;
    relation record;
begin
    foreach place in array array[
        'seeds', 'staging_silver', 'intermediate_silver', 'staging_silver_ds', 'mart_gold',
        'snapshots', 'test_failures'
    ]
    loop
        execute format('alter schema %I owner to o2r_builder', place);
        for relation in
            select c.oid::regclass as name,
                case c.relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end
                    as kind
            from pg_class c
            where c.relnamespace = to_regnamespace(quote_ident(place))
                and c.relkind in ('r', 'p', 'v', 'm')
                and c.relowner <> 'o2r_builder'::regrole
        loop
            execute format('alter %s %s owner to o2r_builder', relation.kind, relation.name);
        end loop;
    end loop;
end
$$;
