"""`o2r publish`: gold is replaced as a whole, when all of it is built and tested, or not at all."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.in_process import dbt_in_process
from tests.integration.small_project import GOLD, ROOT, add_ticket, small_warehouse, tickets
from tests.metrics.warehouse import clone, execute, frame, gold_hashes
from typer.testing import CliRunner

from o2r.builds.publish import publish
from o2r.builds.run import build, target_lock
from o2r.cli.main import app
from o2r.errors import UserError
from o2r.health import OK, examine
from o2r.settings import Settings
from o2r.warehouse import connect

BOTH = (
    "select (select count(*) from mart_gold.fct_tickets), "
    "(select min(ticket_count) from mart_gold.ticket_totals)"
)
RIGHTS = """
select c.relname, array(select acl::text from unnest(c.relacl) as acl order by 1)::text as rights
from pg_class c where c.relnamespace = %s::regnamespace and c.relkind = 'r'
union all
select nspname, array(select acl::text from unnest(nspacl) as acl order by 1)::text
from pg_namespace where nspname = %s
order by 1
"""
LOCKS = """
select count(distinct (classid, objid)) from pg_locks
where locktype = 'advisory' and granted
    and database = (select oid from pg_database where datname = current_database())
"""
DIE = """
import os, signal, sys
from o2r.builds import publish
from o2r.builds import swap
moment = sys.argv[1]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def then_die(function):
    return lambda *given, **named: (function(*given, **named), die())

if moment == "before":
    publish.swap = die
elif moment == "inside":
    swap._swap = then_die(swap._swap)
elif moment == "after":
    publish.swap = then_die(publish.swap)
from tests.in_process import dbt_in_process
from o2r.cli.main import app
with dbt_in_process():
    app(["publish", "--only-gold"])
"""
PUBLISH = [sys.executable, "-c", "from o2r.cli.main import app; app()", "publish"]
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def published(
    new_database: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """A warehouse built plainly, then published. Not to be changed."""
    settings = small_warehouse(new_database, tmp_path_factory.mktemp("small"))
    with dbt_in_process():
        build(settings, quiet=True)
        plain = frame(settings, RIGHTS, ["mart_gold"] * 2).to_dict("records")
        publish(settings, quiet=True)
    assert frame(settings, RIGHTS, ["mart_gold"] * 2).to_dict("records") == plain
    return settings


@pytest.fixture
def gold(published: Settings) -> Settings:
    """A copy of that warehouse, for one test."""
    return clone(published, f"published_{next(numbers)}")


@pytest.fixture
def in_process() -> Iterator[None]:
    with dbt_in_process():
        yield


@pytest.fixture
def environment(environ: Callable[[Settings], dict[str, str]]) -> Callable[..., dict[str, str]]:
    """The environment of a process that runs o2r on the small project."""
    return lambda settings: environ(settings) | {"O2R_PROJECT": str(settings.project)}


def schemas(settings: Settings) -> set[str]:
    found = frame(settings, "select nspname from pg_namespace where nspname ~ 'mart_gold'")
    return set(found["nspname"])


def runs(settings: Settings) -> list[tuple[str, str]]:
    found = frame(settings, "select kind, outcome from ops.builds order by build_id")
    return list(found.itertuples(index=False, name=None))


@contextmanager
def reader(settings: Settings) -> Iterator[list[object]]:
    """What a client that asks ten times a second got to see, errors included."""
    seen: list[object] = []
    over = threading.Event()

    def read() -> None:
        connection = connect(settings, autocommit=True, read_only=True)
        cursor = connection.cursor()
        cursor.execute("set role metabase_reader")
        while not over.is_set():
            try:
                cursor.execute(BOTH)
                seen.append(cursor.fetchone())
            except Exception as error:
                seen.append(error)
            over.wait(0.1)
        connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def test_gold_is_published_and_recorded(published: Settings) -> None:
    assert sorted(gold_hashes(published)) == GOLD
    assert schemas(published) == {"mart_gold"}
    assert runs(published) == [("build", "succeeded"), ("publish", "succeeded")]
    last = frame(published, "select * from ops.builds order by build_id").iloc[-1]
    assert last["is_current"]
    assert last["started_at"] < last["finished_at"]
    assert not build(published, only_if_changed=True), "it counts as a build"


@pytest.mark.usefixtures("in_process")
def test_a_failing_test_leaves_gold_as_it_was(
    gold: Settings, environment: Callable[..., dict[str, str]]
) -> None:
    before = gold_hashes(gold)
    add_ticket(gold, 1, "cursed")
    result = CliRunner(env=environment(gold)).invoke(app, ["publish"])
    assert result.exit_code == 1
    assert "error: not published, mart_gold is as it was" in result.stderr.splitlines()[-1]
    assert gold_hashes(gold) == before
    assert runs(gold)[-1] == ("publish", "failed")
    assert frame(gold, "select * from ops.builds where is_current").empty
    assert frame(
        gold,
        "select rolname from pg_roles, pg_namespace where nspname = 'mart_gold_shadow' "
        "and rolname ~ 'engineer|scientist|user|reader' "
        "and has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'usage')",
    ).empty, "nobody reads what did not pass"
    execute(gold, "delete from raw_bronze.support_tickets where channel = 'cursed'")
    publish(gold, quiet=True)
    assert gold_hashes(gold) == before


@pytest.mark.usefixtures("in_process")
def test_a_reader_sees_whole_states_only(gold: Settings) -> None:
    first = tickets(gold)
    with reader(gold) as seen:
        add_ticket(gold, 1)
        publish(gold, quiet=True)
        add_ticket(gold, 2, "cursed")
        with pytest.raises(UserError, match="not published"):
            publish(gold, only_gold=True, quiet=True)
        execute(gold, "delete from raw_bronze.support_tickets where channel = 'cursed'")
        add_ticket(gold, 3)
        publish(gold, only_gold=True, quiet=True)
        time.sleep(0.5)
    states = [state for state, _ in itertools.groupby(seen)]
    assert states == [(count, count) for count in (first, first + 1, first + 2)]
    assert len(seen) > 20


@pytest.mark.usefixtures("in_process")
def test_only_gold_leaves_silver_alone(gold: Settings) -> None:
    places = (
        "select relname, relfilenode, c.oid::int from pg_class c "
        "where relnamespace::regnamespace::text in ('intermediate_silver', 'staging_silver') "
        "order by 1"
    )
    before = frame(gold, places).to_dict("records")
    log = "select count(*) from intermediate_silver.int_change_log where model <> 'bronze'"
    taken = frame(gold, log).iloc[0, 0]
    tables = set(frame(gold, "select 'mart_gold.fct_tickets'::regclass::oid::int").iloc[0])
    publish(gold, only_gold=True, quiet=True)
    assert frame(gold, places).to_dict("records") == before
    assert frame(gold, log).iloc[0, 0] == taken
    assert not tables & set(
        frame(gold, "select 'mart_gold.fct_tickets'::regclass::oid::int").iloc[0]
    )


@pytest.mark.usefixtures("in_process")
def test_what_no_model_makes_any_more_is_gone(gold: Settings) -> None:
    model = gold.dbt_dir / "models" / "marts" / "core" / "removed.sql"
    model.write_text("select 1 as one")
    assert publish(gold, only_gold=True, quiet=True).gone == []
    assert "removed" in gold_hashes(gold)
    model.unlink()
    assert publish(gold, only_gold=True, quiet=True).gone == ["removed"]
    assert sorted(gold_hashes(gold)) == GOLD


@pytest.mark.usefixtures("in_process")
def test_the_first_publish_of_another_target(gold: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only target prod has a manifest to save, not dev"):
        publish(gold, "dev", manifest_dir=tmp_path)
    publish(gold, "dev", quiet=True)
    assert schemas(gold) == {"mart_gold", "dbt_dev_mart_gold"}
    assert sorted(gold_hashes(gold, "dbt_dev_mart_gold")) == GOLD
    execute(gold, "set role metabase_reader; select * from dbt_dev_mart_gold.fct_tickets")


@pytest.mark.usefixtures("in_process")
def test_the_saved_manifest_names_gold(gold: Settings, tmp_path: Path) -> None:
    publish(gold, quiet=True, manifest_dir=tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    names = {node.get("schema") for node in manifest["nodes"].values()}
    assert "mart_gold" in names
    assert "shadow" not in (tmp_path / "manifest.json").read_text().replace("mart_gold_shadow'", "")
    with pytest.raises(UserError, match="leave out --only-gold"):
        publish(gold, only_gold=True, manifest_dir=tmp_path)


@pytest.mark.usefixtures("in_process")
def test_a_run_without_its_tests_is_not_published(
    gold: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = gold_hashes(gold)
    add_ticket(gold, 1)
    monkeypatch.setenv("DBT_RESOURCE_TYPES", "model")
    with pytest.raises(
        UserError, match=r"left out .* 1 models .* such as test\.o2r\.assert_no_ticket"
    ):
        publish(gold, only_gold=True, quiet=True)
    assert gold_hashes(gold) == before


@pytest.mark.usefixtures("in_process")
def test_a_dependent_view_is_reported_before_anything_is_built(gold: Settings) -> None:
    execute(gold, "create materialized view public.mine as select * from mart_gold.fct_tickets")
    with pytest.raises(UserError, match=r"view mine \(on fct_tickets\): drop them, and create"):
        publish(gold, quiet=True)
    assert schemas(gold) == {"mart_gold"}


@pytest.mark.usefixtures("in_process")
def test_views_on_models_outlive_builds_and_publishes(
    gold: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """Tables, views and incremental tables of silver and gold; what cannot follow is named."""
    execute(
        gold,
        "create schema analyst;"
        "create view analyst.one as select count(*) as n from mart_gold.fct_tickets "
        "union all select count(*) from staging_silver.stg_tickets;"
        "create view analyst.two as select count(*) as n from intermediate_silver.int_requests;"
        "create view analyst.three as select one.n from analyst.one, mart_gold.ticket_totals;"
        "grant select on analyst.one to business_user;"
        "create materialized view analyst.four as select 1 from mart_gold.ticket_totals",
    )
    kept = (
        "select oid::int, relname, relacl::text, pg_get_viewdef(oid) from pg_class where relkind = "
        "'v' and relnamespace = 'analyst'::regnamespace order by relname"
    )
    before = frame(gold, kept).to_dict("records")
    with pytest.raises(UserError, match="dbt build of target prod failed"):
        build(gold, arguments=["--full-refresh"])
    assert "materialized view analyst.four depends on table mart_gold.ticket_totals" in (
        capfd.readouterr().out
    )
    assert frame(gold, kept).to_dict("records") == before
    execute(gold, "drop materialized view analyst.four")
    for number, run in enumerate((build, publish), 1):
        add_ticket(gold, number)
        run(gold, quiet=True)
        assert frame(gold, kept).to_dict("records") == before
        assert set(frame(gold, "select n from analyst.three")["n"]) == {tickets(gold)}
    assert frame(gold, "select n from analyst.two").iloc[0, 0] > 0


@pytest.mark.usefixtures("in_process")
def test_health_knows_what_a_publish_and_a_partial_build_have_changed(gold: Settings) -> None:
    def wrong() -> list[tuple[str, str]]:
        return [
            (finding.subject, finding.found)
            for finding in examine(gold)
            if finding.area in ("tables", "reconciliation") and finding.state != OK
        ]

    add_ticket(gold, 1)
    publish(gold, quiet=True)
    assert wrong() == []
    add_ticket(gold, 2)
    build(gold, arguments=["--select", "fct_tickets"], quiet=True)
    [(subject, found)] = wrong()
    assert subject == "mart_gold.ticket_totals"
    assert "is older than what it is made from: fct_tickets" in found


@pytest.mark.parametrize("moment", ["before", "inside", "after"])
def test_killed_then_run_again(
    gold: Settings, environment: Callable[..., dict[str, str]], moment: str
) -> None:
    before = tickets(gold)
    add_ticket(gold, 1)
    killed = subprocess.run(
        [sys.executable, "-c", DIE, moment],
        cwd=ROOT,
        env=environment(gold),
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert tickets(gold) == before + (moment == "after")
    assert ("mart_gold_shadow" in schemas(gold)) == (moment != "after")
    add_ticket(gold, 2)
    with dbt_in_process():
        publish(gold, only_gold=True, quiet=True)
    assert tickets(gold) == before + 2
    assert schemas(gold) == {"mart_gold"}
    assert runs(gold)[-2:] == [("publish", "killed"), ("publish", "succeeded")]


def test_a_dbt_that_outlives_its_publisher_is_waited_for(
    gold: Settings, environment: Callable[..., dict[str, str]]
) -> None:
    slow = gold.dbt_dir / "models" / "marts" / "core" / "slow.sql"
    slow.write_text("select 1 as one from pg_sleep(4)")
    started = subprocess.Popen([*PUBLISH, "--only-gold"], env=environment(gold))
    at_work = (
        "select count(*) from pg_stat_activity where query ~ 'pg_sleep' and pid <> pg_backend_pid()"
    )
    try:
        while not frame(gold, at_work).iloc[0, 0]:
            assert started.poll() is None
            time.sleep(0.1)
    finally:
        os.kill(started.pid, signal.SIGKILL)
        started.wait()
        slow.unlink()
    time.sleep(0.5)
    assert frame(gold, at_work).iloc[0, 0] == 1
    assert frame(gold, LOCKS).iloc[0, 0] == 2, "dbt holds the locks of the target and of setup"
    with dbt_in_process():
        publish(gold, only_gold=True, quiet=True)
    assert frame(gold, at_work).iloc[0, 0] == 0
    assert sorted(gold_hashes(gold)) == GOLD
    assert runs(gold)[-2:] == [("publish", "killed"), ("publish", "succeeded")]


def test_two_at_once_follow_one_another(
    gold: Settings, environment: Callable[..., dict[str, str]]
) -> None:
    command = [*PUBLISH, "--only-gold"]
    both = [subprocess.Popen(command, env=environment(gold)) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    first, second = frame(
        gold, "select started_at, finished_at from ops.builds order by build_id desc limit 2"
    ).itertuples(index=False)
    assert second.finished_at <= first.started_at


SETUPS = """
from o2r.settings import load_settings
from o2r.warehouse import setup
for _ in range(8):
    setup(load_settings())
"""
WRITERS = """
select n.nspname || '.' || c.relname as name, c.relacl::text as rights
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('mart_gold', 'intermediate_silver', 'staging_silver', 'seeds')
    and c.relkind in ('r', 'v') and c.relname !~ '^int_(change|model_logic)'
    and not has_table_privilege('analytics_engineer', c.oid, 'select, insert, update, delete')
"""


@pytest.mark.usefixtures("in_process")
def test_setup_and_builds_at_the_same_time(
    gold: Settings, environ: Callable[[Settings], dict[str, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    """They follow one another; who waits says for whom; who may write does not depend on it."""
    command = [sys.executable, "-c", SETUPS]
    with target_lock(gold, "prod", "build"):
        setups = subprocess.Popen(command, env=environ(gold), stderr=subprocess.PIPE, text=True)
        line = setups.stderr.readline()
        assert line.startswith("waiting until this has ended: o2r build prod, process ")
        assert f"process {os.getpid()} of postgres (session " in line
    for number in range(3):
        add_ticket(gold, number)
        build(gold, quiet=True)
        assert frame(gold, WRITERS)["name"].tolist() == []
    assert (setups.wait(), setups.stderr.read()) == (0, "")
    build(gold, arguments=["--select", "int_requests"], quiet=True)
    assert frame(gold, WRITERS)["name"].tolist() == []
