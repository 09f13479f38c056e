"""Exchange all tables of a schema for those of its shadow, in one transaction."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from psycopg2 import Error, errors, sql
from psycopg2.extensions import cursor as Cursor

from o2r.errors import UserError
from o2r.warehouse.query import Session

MARK = "Being built by `o2r publish`; its next run drops it."
"""Comment of a shadow. No schema without it is ever dropped."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two attempts
LONGEST_STATEMENT = "1min"  # of the exchange, once every lock is held

RELATIONS = """
select c.relname, c.relkind, c.relowner = current_user::regrole, c.relowner::regrole::text
from pg_class c
where c.relnamespace = to_regnamespace(%s) and c.relkind in ('r', 'p', 'v', 'm', 'f')
order by 1
"""
DEPENDENTS = """
with own as (
    select oid, relname from pg_class where relnamespace = to_regnamespace(%s)
)
select distinct
    own.relname,
    coalesce(
        case c.relkind when 'm' then 'materialized ' else '' end || 'view ' || c.oid::regclass,
        pg_describe_object(found.classid, found.objid, 0)
    ),
    coalesce(c.relkind = 'v' and pg_has_role(c.relowner, 'usage'), false)
from own
join pg_depend found on found.refclassid = 'pg_class'::regclass and found.refobjid = own.oid
left join pg_rewrite rule on found.classid = 'pg_rewrite'::regclass and rule.oid = found.objid
left join pg_class c on c.oid = rule.ev_class
where found.deptype = 'n'
    -- a part of one of the tables or views, such as its key, default or query
    and not exists (
        select from pg_depend part
        where part.classid = found.classid and part.objid = found.objid
            and part.refclassid = 'pg_class'::regclass and part.refobjid in (select oid from own)
            and part.deptype in ('a', 'i')
    )
order by 1, 2
"""
DEFAULT_PRIVILEGES = """
select
    case when acl.grantee = 0 then 'public' else quote_ident(acl.grantee::regrole::text) end,
    acl.privilege_type
from pg_default_acl defaults, aclexplode(defaults.defaclacl) acl
where defaults.defaclnamespace = to_regnamespace(%s) and defaults.defaclobjtype = 'r'
    and defaults.defaclrole = current_user::regrole
"""
READERS = """
select distinct activity.pid, activity.usename,
    extract(epoch from now() - activity.xact_start)::int as seconds
from pg_locks held
join pg_class c on c.oid = held.relation
join pg_stat_activity activity on activity.pid = held.pid
where held.database = (select oid from pg_database where datname = current_database())
    and held.granted and held.pid <> pg_backend_pid()
    and c.relnamespace = any(array[to_regnamespace(%s), to_regnamespace(%s)])
order by seconds desc nulls last
"""


class _Dependent(NamedTuple):
    """What reads a table: the table, what it is, and whether it is a view that can follow."""

    table: str
    description: str
    can_follow: bool


class _Relation(NamedTuple):
    """A table or view: name, pg_class.relkind, whether this role owns it, its owner."""

    name: str
    kind: str
    is_ours: bool
    owner: str


def make_shadow(session: Session, schema: str, shadow: str) -> None:
    """Create the empty schema `shadow`, in place of the one that a killed run left.

    Tables made in it get the default privileges of `schema`, which is created when missing; the
    shadow itself is open to nobody else. Raises UserError when a schema of that name is not ours.
    """
    try:
        with session.transaction() as cursor:
            cursor.execute("select obj_description(to_regnamespace(%s), 'pg_namespace')", (shadow,))
            [(comment,)] = cursor.fetchall()
            names = {"schema": sql.Identifier(schema), "shadow": sql.Identifier(shadow)}
            if comment == MARK:
                cursor.execute(sql.SQL("drop schema {shadow} cascade").format(**names))
            cursor.execute("delete from ops.table_states where schema_name = %s", (shadow,))
            cursor.execute(
                sql.SQL(
                    "create schema if not exists {schema}; create schema {shadow}; "
                    "comment on schema {shadow} is {mark}"
                ).format(**names, mark=sql.Literal(MARK))
            )
            cursor.execute(DEFAULT_PRIVILEGES, (schema,))
            for grantee, privilege in cursor.fetchall():
                cursor.execute(
                    sql.SQL(
                        f"alter default privileges in schema {{}} grant {privilege} on tables "
                        f"to {grantee}"
                    ).format(sql.Identifier(shadow))
                )
    except errors.DuplicateSchema:
        raise UserError(
            f"schema {shadow} exists and is not of `o2r publish`: rename or drop it"
        ) from None
    except Error as error:
        raise UserError(f"the warehouse refused: {error}") from None


def require_replaceable(
    session: Session, schema: str, new: Iterable[str], *, keep: Collection[str] = ()
) -> None:
    """UserError naming what stands in the way of replacing all tables of a schema.

    new: names of the tables and views that are going to be in it. keep: of those that stay.
    Views outside of the schema follow to the new tables. In the way are those of other roles or of
    tables that are gone, materialized views, keys and functions that depend on its tables, which
    would be dropped with them; tables of other roles that no new one replaces.
    """
    with session.transaction() as cursor:
        _require_replaceable(cursor, schema, set(new), keep)


def swap(
    session: Session, schema: str, shadow: str, *, patience: float, keep: Collection[str] = ()
) -> list[str]:
    """Put the tables and views of `shadow` in the place of those of `schema`; drop the shadow.

    Readers see all old tables or all new ones. The publisher gives way to them: it holds locks for
    a fraction of a second while it waits for the next one, then lets all go and tries again later.
    patience: seconds until it gives up with a UserError that names who is in the way.
    keep: names of tables that stay in the schema.
    Returns the names of the tables and views that are gone from the schema.
    Raises UserError, with nothing changed, also for what `require_replaceable` refuses.
    """
    until, pause = time.monotonic() + patience, FIRST_PAUSE
    while True:
        try:
            with session.transaction() as cursor:
                return _swap(cursor, schema, shadow, keep)
        except (errors.QueryCanceled, errors.LockNotAvailable, errors.DeadlockDetected):
            if time.monotonic() + pause > until:
                raise UserError(_in_the_way(session, schema, shadow, patience)) from None
        except errors.DependentObjectsStillExist as error:
            reason = error.diag.message_detail or error.diag.message_primary
            raise UserError(f"{schema} was not replaced: {reason}: drop it first") from None
        except Error as error:
            raise UserError(f"{schema} was not replaced: {error}") from None
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, LONGEST_PAUSE)


def _swap(cursor: Cursor, schema: str, shadow: str, keep: Collection[str]) -> list[str]:
    """One attempt; the caller commits or rolls back."""
    old, new = _lock_all(cursor, schema, shadow)
    old = [relation for relation in old if relation.name not in keep]
    _require_replaceable(cursor, schema, {relation.name for relation in new}, keep)
    read = {dependent.table for dependent in _dependents(cursor, schema)}
    aside = f"{shadow}_old"
    if read:
        cursor.execute(sql.SQL("create schema {}").format(sql.Identifier(aside)))
        _move(cursor, old, schema, aside)
    else:
        _drop(cursor, old, schema)
    _move(cursor, new, shadow, schema)
    if read:
        _hurry(cursor)  # replacing a view takes its lock
        for relation in sorted(old, key=lambda relation: relation.kind != "v"):
            if relation.name in read:
                pair = (sql.Identifier(place, relation.name) for place in (aside, schema))
                cursor.execute(
                    "select ops.replace_table(%s, %s)", [name.as_string(cursor) for name in pair]
                )
        cursor.execute("select set_config('statement_timeout', %s, true)", (LONGEST_STATEMENT,))
        _drop(cursor, [relation for relation in old if relation.name not in read], aside)
        cursor.execute(sql.SQL("drop schema {}").format(sql.Identifier(aside)))
    cursor.execute(sql.SQL("drop schema {}").format(sql.Identifier(shadow)))
    cursor.execute("delete from ops.table_states where schema_name = %s", (schema,))
    cursor.execute(
        "update ops.table_states set schema_name = %s where schema_name = %s", (schema, shadow)
    )
    return sorted({relation.name for relation in old} - {relation.name for relation in new})


def _hurry(cursor: Cursor) -> None:
    """Let statements take half of deadlock_timeout: no reader has looked for a deadlock by then."""
    cursor.execute(
        "select set_config('statement_timeout', setting::int / 2 || 'ms', true) from pg_settings "
        "where name = 'deadlock_timeout'"
    )


def _move(cursor: Cursor, relations: Iterable[_Relation], place: str, to: str) -> None:
    for relation in relations:
        word = "view" if relation.kind == "v" else "table"
        cursor.execute(
            sql.SQL(f"alter {word} {{}} set schema {{}}").format(
                sql.Identifier(place, relation.name), sql.Identifier(to)
            )
        )


def _drop(cursor: Cursor, relations: Iterable[_Relation], place: str) -> None:
    for kinds, word in (("v", "view"), ("rp", "table")):
        if leaving := [relation for relation in relations if relation.kind in kinds]:
            cursor.execute(sql.SQL(f"drop {word} {{}}").format(_names(place, leaving)))


def _lock_all(cursor: Cursor, schema: str, shadow: str) -> tuple[list[_Relation], list[_Relation]]:
    """Take every lock that the exchange needs, or give up within half of deadlock_timeout.

    By then no reader that waits for us, while we wait for it, has looked for a deadlock: it is
    never the one that is ended for it. Locks on the old tables are taken before any name changes
    hands, so a statement that has found one old table finds the other old ones as well.
    """
    _hurry(cursor)
    old, new = _relations(cursor, schema), _relations(cursor, shadow)
    names = [
        _names(place, found)
        for place, relations in ((schema, old), (shadow, new))
        if (found := [relation for relation in relations if relation.kind in "rpv"])
    ]
    if names:
        cursor.execute(
            sql.SQL("lock table {} in access exclusive mode").format(sql.SQL(", ").join(names))
        )
    cursor.execute("select set_config('statement_timeout', %s, true)", (LONGEST_STATEMENT,))
    if (old, new) != (_relations(cursor, schema), _relations(cursor, shadow)):
        raise errors.LockNotAvailable(f"{schema} has changed meanwhile")
    return old, new


def _require_replaceable(cursor: Cursor, schema: str, new: set[str], keep: Collection[str]) -> None:
    """See `require_replaceable`."""
    found = [
        one
        for one in _dependents(cursor, schema)
        if one.table not in keep and (not one.can_follow or one.table not in new)
    ]
    if found:
        raise UserError(
            f"{schema} cannot be replaced while other objects depend on its tables: "
            f"{', '.join(f'{one.description} (on {one.table})' for one in found)}: "
            "drop them, and create them again afterwards"
        )
    for relation in _relations(cursor, schema):
        if relation.kind in "mf":
            word = "materialized view" if relation.kind == "m" else "foreign table"
            raise UserError(f"{schema}.{relation.name} is a {word}: move it to another schema")
        if not relation.is_ours and relation.name not in {*new, *keep}:
            raise UserError(
                f"{schema}.{relation.name} belongs to {relation.owner} and no model makes it: "
                "move it to another schema"
            )


def _dependents(cursor: Cursor, schema: str) -> list[_Dependent]:
    cursor.execute(DEPENDENTS, (schema,))
    return [_Dependent(*row) for row in cursor.fetchall()]


def _relations(cursor: Cursor, schema: str) -> list[_Relation]:
    cursor.execute(RELATIONS, (schema,))
    return [_Relation(*row) for row in cursor.fetchall()]


def _names(schema: str, relations: Sequence[_Relation]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(schema, relation.name) for relation in relations)


def _in_the_way(session: Session, schema: str, shadow: str, patience: float) -> str:
    """Say that the wait is over, and whose sessions hold locks."""
    readers = [
        f"process {pid} of {user}, in its transaction for {seconds} s"
        for pid, user, seconds in session.query(READERS, schema, shadow)
    ]
    return (
        f"{schema} was not replaced: its tables were in use for {patience:g} s "
        f"({'; '.join(readers) or 'by short statements'}): end these sessions or try again later"
    )
