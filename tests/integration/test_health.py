"""`o2r health`: each thing that can be wrong is found, and nothing else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.in_process import dbt_in_process
from tests.integration.small_project import GOLD, small_warehouse
from tests.metrics.warehouse import clone, execute, frame
from typer.testing import CliRunner

from o2r.builds.run import build, target_lock
from o2r.cli.main import app
from o2r.errors import UserError
from o2r.health import CHECK, LATE, OK, WRONG, Finding, examine
from o2r.settings import Settings

BATCH = (
    "insert into ops.load_batches (dataset, source_file, table_name, checksum, received, inserted, "
    "duplicate, quarantined, loaded_at, started_at, finished_at) values "
    "('files', 'f', 'web_events', '{0}', {1}, 0, 0, {1}, now(), now(), now() - interval '{2} h');"
    "insert into ops.quarantined_rows (batch_id, row_number, table_name, reason) "
    "select max(batch_id), n, 'web_events', 'bad' from ops.load_batches, "
    "generate_series(1, {1}) n group by n;"
)


@pytest.fixture(scope="module")
def built(
    new_database: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    settings = small_warehouse(new_database, tmp_path_factory.mktemp("small"))
    with dbt_in_process():
        build(settings, quiet=True)
    return settings


@pytest.fixture
def copy(built: Settings, request: pytest.FixtureRequest) -> Settings:
    """A copy of the warehouse, for one test."""
    return clone(built, f"health_{abs(hash(request.node.name))}")


def not_ok(settings: Settings, target: str = "prod", **when: datetime) -> list[Finding]:
    return [finding for finding in examine(settings, target, **when) if finding.state != OK]


def test_a_healthy_warehouse_has_no_finding(built: Settings) -> None:
    assert not_ok(built) == []
    areas = {finding.area for finding in examine(built)}
    assert areas == {
        *("source", "run", "quarantine", "ledger", "reconciliation", "tables", "rows", "disk"),
    }


def test_a_feed_that_stopped_says_up_to_which_day_it_is_known(copy: Settings) -> None:
    execute(
        copy,
        "create table mart_gold.feed_status as select * from (values "
        "('revenue_account_daily', 'revenue', 'behind', 4, 1, 'Revenue: 4 days behind'), "
        "('support_tickets', 'tickets', 'behind', 9, 1, 'Support tickets: 9 days behind'), "
        "('invoices', 'invoices', 'current', 0, 3, 'Invoices: known up to 2026-11-21'), "
        "('web_events', 'web_events', 'never delivered', null, null, 'never delivered')"
        ") as feeds (bronze_table, feed, status, days_behind, usual_gap_days, reason)",
    )
    found = {row.subject: row for row in examine(copy) if row.area == "feed" and row.state != OK}
    assert {table: row.state for table, row in found.items()} == {
        "revenue_account_daily": LATE,
        "support_tickets": WRONG,
    }
    assert "retired_feeds" in found["support_tickets"].what_to_do


def test_row_counts_are_those_of_the_tables(built: Settings) -> None:
    counts = frame(built, "select layer, table_name, row_count from ops.row_counts")
    assert set(counts["layer"]) == {"bronze", "silver", "gold"}
    for layer, schema in (("bronze", "raw_bronze"), ("gold", "mart_gold")):
        for name, count in counts.loc[counts["layer"] == layer, ["table_name", "row_count"]].values:
            assert frame(built, f"select count(*) from {schema}.{name}").iloc[0, 0] == count


def test_sources_grow_late_then_stale(built: Settings) -> None:
    for days, expected in ((3, LATE), (5, WRONG)):
        now = datetime.now(UTC) + timedelta(days=days)
        found = {finding.subject: finding for finding in examine(built, now=now)}
        assert found["support_tickets"].state == expected
        assert found["support_tickets"].found.startswith(f"newest row {days} d old")
        assert found["subscriptions"].state == OK, "never delivered"


@pytest.mark.parametrize(
    ("damage", "area", "subject", "found"),
    [
        (
            "update ops.builds set outcome = 'failed', message = 'a test failed'",
            *("run", "last build", "a test failed"),
        ),
        ("update ops.builds set outcome = 'running'", "run", "last build", "killed"),
        ("delete from ops.builds", "run", "prod", "never built"),
        (
            BATCH.format("x", 2, 30) + BATCH.format("y", 3, 1),
            *("quarantine", "web_events", "3 rows in the last day, 2 the day before, 5 in all"),
        ),
        (
            BATCH.format("x", 3, 30) + "delete from ops.quarantined_rows where row_number = 2",
            *("ledger", "batch", "3 rows quarantined, 2 kept"),
        ),
        (
            "update ops.reconciliation set difference = 1 where check_name = 'tickets'",
            *("reconciliation", "tickets", "bronze "),
        ),
        (
            "insert into ops.builds (target, fingerprint, finished_at) "
            "values ('prod', '', now() + interval '1 day');"
            "insert into ops.row_counts select max(builds.build_id), layer, table_name, "
            "case when table_name = 'fct_tickets' then 0 else row_count end "
            "from ops.row_counts, ops.builds group by layer, table_name, row_count",
            *("rows", "gold", "now empty: fct_tickets"),
        ),
    ],
)
def test_what_is_wrong_is_found(
    copy: Settings, damage: str, area: str, subject: str, found: str
) -> None:
    execute(copy, damage)
    wrong = [finding for finding in examine(copy) if finding.state == WRONG]
    assert len(wrong) == 1
    assert wrong[0].area == area
    assert wrong[0].subject.startswith(subject)
    assert found in wrong[0].found
    assert wrong[0].what_to_do


def test_a_contract_of_another_tier_than_the_crm_names_is_shown(copy: Settings) -> None:
    execute(
        copy,
        "create table mart_gold.dim_account (plan_tier, plan_tier_source, crm_plan_tier) as values "
        "('Growth', 'contract', 'growth'), ('Growth', 'contract', 'Starter'), "
        "('Growth', 'contract', 'Unknown'), ('Growth', 'ended_contract', 'Starter')",
    )
    [finding] = not_ok(copy)
    assert (finding.area, finding.state) == ("accounts", CHECK)
    assert finding.found.startswith("3 told by contracts, of which the CRM names another for 1;")
    assert "tiers differ" in finding.what_to_do


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            "delete from intermediate_silver.int_requests where request_id = "
            "(select min(request_id) from intermediate_silver.int_requests)",
            {"intermediate_silver.int_requests": "has ", "now": "requests "},
        ),
        (
            "update mart_gold.fct_revenue_daily set net_revenue_in_currency = 0",
            {"mart_gold.fct_revenue_daily": "has other values than when built", "now": "revenue "},
        ),
        (
            "drop table mart_gold.ticket_totals",
            {"mart_gold.ticket_totals": "is gone (1 rows when built)"},
        ),
        (
            "delete from mart_gold.ticket_totals",
            {"mart_gold.ticket_totals": "has 0 rows, 1 when built"},
        ),
        (
            "update mart_gold.ticket_totals set ticket_count = ticket_count + 1",
            {"mart_gold.ticket_totals": "has other values than when built"},
        ),
        ("drop schema mart_gold cascade", {f"mart_gold.{name}": "is gone" for name in GOLD}),
        (
            "alter table raw_bronze.support_tickets disable trigger user;"
            "delete from raw_bronze.support_tickets where ticket_id = "
            "(select min(ticket_id) from raw_bronze.support_tickets)",
            {"raw_bronze.support_tickets": "nobody has noted why", "now": "tickets "},
        ),
        (
            "truncate raw_bronze.support_tickets",
            {"raw_bronze.support_tickets": "erasures are noted", "now": "tickets "},
        ),
    ],
)
def test_damage_since_the_last_build_is_found(
    copy: Settings, damage: str, expected: dict[str, str]
) -> None:
    execute(copy, damage)
    wrong = {one.subject: one for one in examine(copy) if one.state == WRONG}
    assert wrong.keys() == expected.keys()
    assert all(text in wrong[subject].found for subject, text in expected.items())
    assert all(one.what_to_do for one in wrong.values())


def test_what_cannot_be_told_is_one_line(copy: Settings) -> None:
    execute(copy, "drop table ops.table_states")
    with pytest.raises(UserError, match=r"is not set up, or by an older version: run `o2r setup`$"):
        examine(copy)


@pytest.mark.parametrize(
    ("arguments", "is_settled"),
    [("", True), ("--full-refresh", True), ("--select path:models/marts", False)],
)
def test_a_failed_run_is_settled_by_a_later_one_of_everything(
    copy: Settings, arguments: str, is_settled: bool
) -> None:
    execute(
        copy,
        "update ops.builds set outcome = 'failed', message = 'a test failed';"
        "insert into ops.builds (target, kind, arguments, fingerprint, outcome, finished_at) "
        f"values ('prod', 'publish', '{arguments}', '', 'succeeded', now());"
        "insert into ops.row_counts select max(builds.build_id), layer, table_name, row_count "
        "from ops.row_counts, ops.builds group by layer, table_name, row_count",
    )
    assert [finding.subject for finding in not_ok(copy)] == ([] if is_settled else ["last build"])


def test_a_run_at_work_is_no_finding_until_it_takes_too_long(copy: Settings) -> None:
    execute(copy, "update ops.builds set outcome = 'running', started_at = now()")
    with target_lock(copy, "prod"):
        [notice] = not_ok(copy)
        assert (notice.area, notice.state) == ("tables", LATE)
        assert "not looked at while a run is at work: what is said here is as of" in notice.found
        execute(copy, "update ops.builds set started_at = now() - interval '4 hours'")
        [finding] = [one for one in not_ok(copy) if one.area == "run"]
        assert (finding.state, finding.found) == (WRONG, "running for 4 h")


def test_disk(built: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o2r.warehouse.doctor.FREE_DISK", 10**18)
    [finding] = not_ok(built)
    assert (finding.area, finding.state) == ("disk", WRONG)


def test_the_command(copy: Settings, environ: Callable[[Settings], dict[str, str]]) -> None:
    runner = CliRunner(env=environ(copy) | {"O2R_PROJECT": str(copy.project)})
    result = runner.invoke(app, ["health"])
    assert result.exit_code == 0, result.output
    assert "support_tickets" in result.output
    execute(copy, "update ops.builds set outcome = 'failed', message = 'a test failed'")
    result = runner.invoke(app, ["health", "--json"])
    assert result.exit_code == 1
    findings = json.loads(result.output)
    assert [one["found"].split(": ")[1] for one in findings if one["state"] == WRONG] == [
        "a test failed"
    ]
    with pytest.raises(UserError, match="unknown target"):
        examine(copy, "nowhere")
