"""Exchanging the tables of a schema: readers never fail, the publisher gives way."""

import threading
import time
from collections.abc import Callable

import pytest
from tests.metrics.warehouse import execute, frame

from o2r.builds.swap import make_shadow, require_replaceable, swap
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect
from o2r.warehouse.query import Session

SCHEMAS = ("mart_gold", "mart_gold_shadow")
SUM = "select (select min(x) from mart_gold.a) || ',' || (select min(x) from mart_gold.b)"


@pytest.fixture
def gold(warehouse: Settings) -> Settings:
    """Tables a and b with 1 in gold, with 2 in the shadow."""
    make_shadow(Session(warehouse), *SCHEMAS)
    for schema, x in (("mart_gold", 1), ("mart_gold_shadow", 2)):
        for table in "ab":
            execute(warehouse, f"create table {schema}.{table} (x int primary key, n serial)")
            execute(warehouse, f"insert into {schema}.{table} values ({x})")
    execute(warehouse, "create view mart_gold_shadow.v as select x from mart_gold_shadow.a")
    return warehouse


def read(settings: Settings, statement: str = SUM) -> object:
    return frame(settings, statement).iloc[0, 0]


def test_tables_views_and_what_belongs_to_them_move(gold: Settings) -> None:
    execute(
        gold, "create table mart_gold.c (); create function mart_gold.mine() returns int return 1"
    )
    execute(gold, "create view mart_gold.older as select x from mart_gold.b")
    assert swap(Session(gold), *SCHEMAS, patience=1) == ["c", "older"]
    assert read(gold) == "2,2"
    assert read(gold, "select x from mart_gold.v") == 2
    assert read(gold, "select mart_gold.mine()") == 1
    assert read(gold, "select to_regnamespace('mart_gold_shadow') is null")
    execute(gold, "insert into mart_gold.a values (3)")
    assert read(gold, "select n from mart_gold.a where x = 3") == 2


def test_new_tables_have_the_default_privileges_of_gold(gold: Settings) -> None:
    swap(Session(gold), *SCHEMAS, patience=1)
    for role in ("business_user", "metabase_reader", "partner_dw_engineer"):
        execute(gold, f"set role {role}; {SUM}")
    execute(gold, "set role analytics_engineer; insert into mart_gold.a values (3, 3)")


def test_the_publisher_waits_for_a_long_transaction(gold: Settings) -> None:
    long = connect(gold)
    with long.cursor() as cursor:
        cursor.execute("select x from mart_gold.b")
        done: list[object] = []
        publisher = threading.Thread(
            target=lambda: done.append(swap(Session(gold), *SCHEMAS, patience=30))
        )
        publisher.start()
        worst = 0.0
        for _ in range(25):
            start = time.monotonic()
            assert read(gold) == "1,1"
            worst = max(worst, time.monotonic() - start)
            time.sleep(0.1)
        # the order in which a deadlock would be: it holds b and asks for a
        cursor.execute("select x from mart_gold.a")
        assert cursor.fetchall() == [(1,)]
        assert not done
    long.rollback()
    publisher.join(30)
    long.close()
    assert done == [[]]
    assert read(gold) == "2,2"
    assert worst < 0.9, "a reader waits less than deadlock_timeout"


def test_a_publisher_that_waited_in_vain_says_for_whom(gold: Settings) -> None:
    long = connect(gold)
    long.cursor().execute("select x from mart_gold.b")
    with pytest.raises(UserError, match=rf"in use for 1 s \(process {long.info.backend_pid} of "):
        swap(Session(gold), *SCHEMAS, patience=1)
    long.close()
    assert read(gold) == "1,1"
    swap(Session(gold), *SCHEMAS, patience=1)


def test_no_statement_of_many_readers_fails_or_mixes(gold: Settings) -> None:
    seen: list[object] = []
    over = threading.Event()

    def reader(prepared: bool) -> None:
        connection = connect(gold, autocommit=True)
        cursor = connection.cursor()
        cursor.execute(f"prepare both_tables as {SUM}")
        while not over.is_set():
            try:
                cursor.execute("execute both_tables" if prepared else SUM)
                seen.append(cursor.fetchone()[0])
            except Exception as error:
                seen.append(error)
        connection.close()

    readers = [threading.Thread(target=reader, args=(n % 2 == 0,)) for n in range(4)]
    for thread in readers:
        thread.start()
    try:
        for x in range(2, 22):
            if x > 2:
                make_shadow(Session(gold), *SCHEMAS)
                for table in "ab":
                    execute(gold, f"create table mart_gold_shadow.{table} as select {x} as x")
            swap(Session(gold), *SCHEMAS, patience=30)
    finally:
        over.set()
        for thread in readers:
            thread.join()
    assert set(seen) <= {f"{x},{x}" for x in range(1, 22)}
    assert len(set(seen)) > 10


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (
            "create table mart_gold.gone (x int); "
            "create view public.mine as select x from mart_gold.gone",
            r"view mine \(on gone\)",
        ),
        (
            "create view public.mine as select a from mart_gold.a",
            r"view public.mine depends on mart_gold.a and does not fit its new form \(c",
        ),
        ("create materialized view public.mine as select x from mart_gold.a", "view mine"),
        ("create table public.mine (x int references mart_gold.b)", "mine"),
        (
            "create function public.mine() returns bigint begin atomic; "
            "select count(*) from mart_gold.a; end",
            r"function mine\(\)",
        ),
        ("create function public.mine(mart_gold.a) returns int return 1", r"function mine\(.*a\)"),
        ("create materialized view mart_gold.mine as select 1", "mart_gold.mine is a materialized"),
        (
            "create table mart_gold.mine (); alter table mart_gold.mine owner to data_engineer",
            "mart_gold.mine belongs to data_engineer and no model makes it",
        ),
    ],
)
def test_what_would_be_lost_is_named(
    gold: Settings, query: Callable[..., list[tuple]], made: str, named: str
) -> None:
    query(gold, made)
    with pytest.raises(UserError, match=named):
        swap(Session(gold), *SCHEMAS, patience=1)
    assert read(gold) == "1,1"
    if "mine(mart_gold.a)" not in made and "fit" not in named:
        with pytest.raises(UserError, match=named):
            require_replaceable(Session(gold), "mart_gold", ["a", "b"])


def test_a_schema_that_is_not_ours_is_left_alone(warehouse: Settings) -> None:
    execute(warehouse, "create schema mart_gold_shadow; create table mart_gold_shadow.mine ()")
    with pytest.raises(UserError, match="mart_gold_shadow exists and is not of `o2r publish`"):
        make_shadow(Session(warehouse), *SCHEMAS)
    assert frame(warehouse, "select * from mart_gold_shadow.mine").empty


def test_views_follow_to_the_new_tables(gold: Settings) -> None:
    """Owner, grants, options, comment and the views on a view stay; readers never miss it."""
    execute(
        gold,
        "create schema analyst; grant usage on schema analyst to business_user;"
        'create view analyst."My sum" with (security_barrier = true) as '
        "select a.x, b.x as y from mart_gold.a join mart_gold.b on a.n = b.n;"
        'comment on view analyst."My sum" is \'mine\'; grant select on analyst."My sum" to '
        'business_user; alter view analyst."My sum" owner to data_engineer;'
        'create view analyst.second as select x + y as z from analyst."My sum"',
    )
    kept = (
        "select oid::int, relowner::int, relacl::text, reloptions::text, obj_description(oid) "
        "from pg_class where relname in ('My sum', 'second') order by relname"
    )
    before = frame(gold, kept).to_dict("records")
    for x in (2, 3):
        if x == 3:
            make_shadow(Session(gold), *SCHEMAS)
            for table in "ab":
                execute(gold, f"create table mart_gold_shadow.{table} as select 3 as x, 1 as n")
        assert swap(Session(gold), *SCHEMAS, patience=1) == ["v"] * (x == 3)
        assert read(gold, "select z from analyst.second") == 2 * x
    assert frame(gold, kept).to_dict("records") == before
    assert read(gold, "select to_regnamespace('mart_gold_shadow_old') is null")
