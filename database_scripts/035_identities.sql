-- Which identifiers belong to one person: connected components, with guards against shared ones.

create or replace function ops.label_components(weakest integer)
returns void
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    changed bigint;
begin
    drop table if exists pg_temp.identity_live;
    create temporary table identity_live on commit drop as
    select edge.a, edge.b
    from pg_temp.identity_edge as edge
    join pg_temp.identity_node as node_a on node_a.id = edge.a
    join pg_temp.identity_node as node_b on node_b.id = edge.b
    where node_a.is_open and not node_a.is_shared and not node_b.is_shared
        and node_a.priority <= weakest and node_b.priority <= weakest;
    analyze pg_temp.identity_live;
    loop
        -- each node, and the node that its label names, takes the least label across its edges
        update pg_temp.identity_node as node
        set label = least_label.label
        from (
            select target, min(label) as label
            from (
                select case when way = 1 then live.a else node_a.label end as target, node_b.label
                from pg_temp.identity_live as live
                join pg_temp.identity_node as node_a on node_a.id = live.a
                join pg_temp.identity_node as node_b on node_b.id = live.b
                cross join (values (1), (2)) as ways (way)
                where node_b.label < node_a.label
            ) as candidates
            group by target
        ) as least_label
        where node.id = least_label.target and least_label.label < node.label;
        get diagnostics changed = row_count;
        exit when changed = 0;
        -- and then the label of its label, so that long chains shrink by halves
        update pg_temp.identity_node as node
        set label = named.label
        from pg_temp.identity_node as named
        where node.label = named.id and named.label < node.label;
    end loop;
end
$$;
comment on function ops.label_components is
    'Part of ops.resolve_identities: lower the labels of open nodes until all that are connected, '
    'over nodes that are not shared and of priority `weakest` or stronger, have the same.';

create or replace function ops.open_crowded_components(weakest integer)
returns boolean
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    update pg_temp.identity_node as node
    set is_open = node.label in (
        select crowd.label from pg_temp.identity_node as crowd
        where crowd.is_open and not crowd.is_shared and crowd.priority <= weakest
        group by crowd.label, crowd.type
        having count(distinct crowd.counted_as) > min(crowd.max_per_person)
    )
    where node.is_open;
    return exists (select from pg_temp.identity_node as node where node.is_open);
end
$$;
comment on function ops.open_crowded_components is
    'Part of ops.resolve_identities: leave open only components with more identifiers of a type '
    'than a person may have; whether there are any.';

create or replace function ops.part_components(weakest integer)
returns void
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    update pg_temp.identity_node as node
    set label = coalesce(stronger.label, node.id)
    from pg_temp.identity_node as same
    left join pg_temp.identity_stronger as stronger on stronger.id = same.id
    where node.id = same.id and node.is_open and node.priority <= weakest;
end
$$;
comment on function ops.part_components is
    'Part of ops.resolve_identities: put open nodes back to the labels they had before the type '
    'of priority `weakest` came in.';

create or replace function ops.resolve_identities(links regclass, types regclass)
returns table (
    identifier_type text,
    identifier_value text,
    first_seen_at timestamp,
    is_shared boolean,
    founder_type text,
    founder_value text
)
language plpgsql
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    strongest integer;
    weakest integer;
begin
    execute format('select min(priority) from %s', types) into strongest;
    drop table if exists pg_temp.identity_link, pg_temp.identity_node, pg_temp.identity_edge;
    execute format(
        'create temporary table identity_link on commit drop as '
        'select type_a, value_a, type_b, value_b, min(first_seen_at) as first_seen_at '
        'from %s group by 1, 2, 3, 4', links
    );
    -- numbered by strength of the type, then as bytes: the same in every order and collation
    execute format(
        'create temporary table identity_node on commit drop as '
        'select *, id as label, id as counted_as from ('
        'select row_number() over (order by types.priority, types.identifier_type collate "C", '
        '    seen.value collate "C") as id, seen.type, seen.value, types.priority, '
        '    types.max_per_person, min(seen.at) as first_seen_at, false as is_shared, true as is_open '
        'from (select type_a, value_a, first_seen_at from pg_temp.identity_link '
        '      union all select type_b, value_b, first_seen_at from pg_temp.identity_link '
        ') as seen (type, value, at) '
        'join %s as types on types.identifier_type = seen.type '
        'where seen.value is not null '
        'group by types.identifier_type, seen.type, seen.value, types.priority, '
        '    types.max_per_person) as numbered', types
    );
    analyze pg_temp.identity_node;
    create temporary table identity_edge on commit drop as
    with pairs as (
        select node_a.id as a, node_b.id as b
        from pg_temp.identity_link as link
        join pg_temp.identity_node as node_a
            on node_a.type = link.type_a and node_a.value = link.value_a
        join pg_temp.identity_node as node_b
            on node_b.type = link.type_b and node_b.value = link.value_b
        where node_a.id <> node_b.id
    )
    select a, b from pairs union select b, a from pairs;
    analyze pg_temp.identity_edge;

    -- Type by type, the strongest first. Where the new type makes a person of too many identifiers,
    -- its values that join several persons of the stronger types are cut; if that is not enough, all.
    for weakest in
        select distinct node.priority from pg_temp.identity_node as node order by node.priority
    loop
        drop table if exists pg_temp.identity_stronger;
        create temporary table identity_stronger on commit drop as
        select node.id, node.label from pg_temp.identity_node as node
        where node.priority < weakest and not node.is_shared;
        update pg_temp.identity_node as node set is_open = true where not node.is_open;
        perform ops.label_components(weakest);
        if weakest = strongest then
            -- identifiers of the strongest type that a source links itself count as one
            update pg_temp.identity_node as node
            set counted_as = node.label where node.priority = weakest;
            continue;
        end if;
        continue when not ops.open_crowded_components(weakest);

        update pg_temp.identity_node as node
        set is_shared = true
        from (
            select edge.a as id
            from pg_temp.identity_edge as edge
            join pg_temp.identity_stronger as stronger on stronger.id = edge.b
            group by edge.a
            having count(distinct stronger.label) > 1
        ) as bridge
        where node.id = bridge.id and node.priority = weakest and node.is_open;
        perform ops.part_components(weakest);
        perform ops.label_components(weakest);
        continue when not ops.open_crowded_components(weakest);

        update pg_temp.identity_node as node
        set is_shared = true
        where node.is_open and node.priority = weakest;
        perform ops.part_components(weakest);
    end loop;

    return query
    select
        node.type, node.value, node.first_seen_at, node.is_shared,
        first_value(node.type) over founders, first_value(node.value) over founders
    from pg_temp.identity_node as node
    window founders as (
        partition by node.label order by node.first_seen_at nulls last, node.id
    );
end
$$;
comment on function ops.resolve_identities is
    'Persons as connected components of identifiers. links: table of (type_a, value_a, type_b, '
    'value_b, first_seen_at), two identifiers seen together, b may be null; types: table of '
    '(identifier_type, priority, max_per_person), priority 1 the strongest, each type with its own. '
    'Gives one row per identifier with the oldest identifier of its person, the founder. Where a '
    'person would have more identifiers of a type than allowed, links are cut, weakest type first; '
    'an identifier whose links are cut is shared, and a person of its own. Links within the strongest '
    'type are the source''s own word: they are kept, and such identifiers count as one.';
