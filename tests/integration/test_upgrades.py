"""A warehouse that an earlier version has set up becomes, by `o2r setup`, the one of today.

`tests/upgrades/<version>.sql` is what setup of a version has made. A release may add its own:
`pg_dump --schema-only --no-owner --no-acl --no-comments -n raw_bronze -n ops`, of its tag.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from o2r.settings import Settings
from o2r.warehouse import connect, setup

VERSIONS = sorted((Path(__file__).parents[1] / "upgrades").glob("*.sql"))
WHERE = "n.nspname in ('raw_bronze', 'ops')"
SHAPES = {
    "columns": "select c.oid::regclass::text || '.' || a.attname, "
    "format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), "
    "a.attidentity from pg_attribute a join pg_class c on c.oid = a.attrelid "
    "join pg_namespace n on n.oid = c.relnamespace "
    "left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum "
    f"where {WHERE} and a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p')",
    "constraints": "select conrelid::regclass::text, pg_get_constraintdef(k.oid) "
    "from pg_constraint k join pg_namespace n on n.oid = k.connamespace "
    f"where {WHERE} and contype <> 'n'",
    "indexes": f"select indexdef from pg_indexes n where {WHERE.replace('nspname', 'schemaname')}",
    "triggers": "select tgrelid::regclass::text, pg_get_triggerdef(t.oid) from pg_trigger t "
    "join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace "
    f"where {WHERE} and not tgisinternal",
    "functions": "select pg_get_functiondef(p.oid) from pg_proc p "
    f"join pg_namespace n on n.oid = p.pronamespace where {WHERE}",
}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.stem)
def test_a_database_of_an_earlier_version_becomes_that_of_today(
    server: Settings, query: Callable[..., list[tuple]], version: Path
) -> None:
    old = server.model_copy(update={"database": f"upgraded_{VERSIONS.index(version)}"})
    connection = connect(server, database="postgres", autocommit=True)
    connection.cursor().execute(f"create database {old.database} template template0")
    connection.close()
    query(old, version.read_text())
    setup(old)
    for what, statement in SHAPES.items():
        today, upgraded = set(query(server, statement)), set(query(old, statement))
        assert upgraded == today, f"{what}: {sorted(map(str, upgraded ^ today))}"
    setup(old)


def test_changes_that_were_sentences_keep_their_kind(
    warehouse: Settings, query: Callable[..., list[tuple]]
) -> None:
    shape = SHAPES["constraints"]
    today = set(query(warehouse, shape))
    query(
        warehouse,
        "drop table ops.changed_days; create table ops.changed_days (table_name text not null, "
        "change text not null, event_date date not null, noted_at timestamptz not null default "
        "clock_timestamp(), primary key (table_name, change, event_date)); "
        "insert into ops.changed_days (table_name, change, event_date) values "
        "('t', 'batch 7', '2026-01-02'), ('t', 'change 3', '2026-01-02')",
    )
    setup(warehouse)
    days = query(warehouse, "select kind, batch_id, change_number from ops.changed_days order by 1")
    assert days == [("batch", 7, None), ("edit", None, 3)]
    assert set(query(warehouse, shape)) == today
