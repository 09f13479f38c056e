"""dbt's selections and ways to run, on this project: each does what its name says.

The commands run on the book's small dataset, those that change the project on a copy of it.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from tests.in_process import dbt_in_process
from tests.metrics.warehouse import chapter12_gold, clone, execute, frame, gold_hashes

from o2r.builds.run import dbt
from o2r.settings import Settings

NO_TESTS = ("--exclude-resource-type", "test", "unit_test")
BUILT = {"model", "seed", "snapshot"}


@pytest.fixture(scope="module", autouse=True)
def results() -> Iterator[list]:
    """The result of the last command run."""
    with dbt_in_process() as found:
        yield found


@pytest.fixture(scope="module")
def gold(new_database: Callable[[], Settings]) -> Settings:
    return clone(chapter12_gold(new_database), "dbt_commands")


@pytest.fixture(scope="module")
def copied(gold: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same warehouse, with a copy of the project that a test may break."""
    project = tmp_path_factory.mktemp("copied")
    shutil.copytree(gold.dbt_dir, project / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    return gold.model_copy(update={"project": project})


@pytest.fixture(scope="module")
def state(copied: Settings) -> Path:
    """A folder with the manifest of the copy before anything was changed."""
    assert dbt(copied, ["--quiet", "parse"]) == 0
    folder = copied.project / "state"
    folder.mkdir()
    shutil.copy(work(copied) / "manifest.json", folder)
    return folder


@pytest.fixture
def change(copied: Settings) -> Iterator[Callable[[str, str], None]]:
    """Write a file of the copied project; undone afterwards."""
    before: dict[Path, str | None] = {}

    def write(name: str, text: str) -> None:
        path = copied.dbt_dir / name
        before.setdefault(path, path.read_text() if path.exists() else None)
        path.write_text(text)

    yield write
    for path, text in before.items():
        path.write_text(text) if text is not None else path.unlink()


def work(settings: Settings, target: str = "prod") -> Path:
    return settings.home / "dbt" / f"{settings.database}_{target}" / "target"


def manifest(settings: Settings, target: str = "prod") -> dict:
    return json.loads((work(settings, target) / "manifest.json").read_text())


def selected(settings: Settings, results: list, *arguments: str) -> set[str]:
    """Unique ids of what `dbt ls` finds and a build may run: no sources, exposures, metrics."""
    command = ["--quiet", "ls", "--output", "json", "--output-keys", "unique_id", *arguments]
    assert dbt(settings, command) == 0
    found = {json.loads(line)["unique_id"] for line in results[-1].result}
    return {name for name in found if is_run(name)}


def is_run(unique_id: str) -> bool:
    return unique_id.split(".")[0] in {*BUILT, "test", "unit_test"}


def nodes(found: dict) -> dict[str, dict]:
    """What `dbt build` may run: models, seeds, snapshots, tests and unit tests of the project."""
    return {
        unique_id: node
        for unique_id, node in (found["nodes"] | found["unit_tests"]).items()
        if is_run(unique_id) and not unique_id.startswith("test.dbt_")
    }


def closure(start: Iterable[str], edges: dict[str, list[str]]) -> set[str]:
    found, waiting = set(), list(start)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += edges.get(node, [])
    return found


def buildable(found: dict, chosen: set[str]) -> set[str]:
    """The chosen nodes and the tests that read one of them, and nothing that comes later."""
    reachable = closure(chosen, found["parent_map"])
    tests = {
        name
        for name, node in nodes(found).items()
        if node["resource_type"] in ("test", "unit_test")
        and (parents := set(node["depends_on"]["nodes"])) & chosen
        and parents <= reachable
    }
    return chosen | tests


def short(unique_ids: Iterable[str]) -> set[str]:
    return {unique_id.split(".")[2] for unique_id in unique_ids}


def test_silver_is_all_but_gold_and_the_tests_that_look_at_it(copied, state, results) -> None:
    """The selection of silver_layer_staging."""
    found = manifest(copied)
    gold = {name for name, node in found["nodes"].items() if "marts" in node["fqn"][:2]}
    looking = {
        name
        for name, node in nodes(found).items()
        if node["resource_type"] in ("test", "unit_test")
        and set(node["depends_on"]["nodes"]) & gold
    }
    assert gold
    assert looking
    expected = nodes(found).keys() - gold - looking
    assert selected(copied, results, "--exclude", "path:models/marts") == expected


def test_personal_build_is_all_but_the_snapshots(copied, state, results) -> None:
    found = manifest(copied)
    snapshots = {name for name in nodes(found) if name.startswith("snapshot.")}
    tests_of_snapshots = {
        name
        for name, node in nodes(found).items()
        if node["resource_type"] == "test" and set(node["depends_on"]["nodes"]) & snapshots
    }
    assert len(snapshots) == 3
    expected = nodes(found).keys() - snapshots - tests_of_snapshots
    assert selected(copied, results, "--selector", "personal_build") == expected


def test_revenue_only_builds_in_an_empty_schema(copied, state, results) -> None:
    found = manifest(copied)
    marts = {
        name
        for name, node in nodes(found).items()
        if node["original_file_path"].startswith("models/marts/revenue/")
        and node["resource_type"] == "model"
    }
    wanted = {name for name in closure(marts, found["parent_map"]) if name.split(".")[0] in BUILT}
    assert len(marts) >= 7
    chosen = selected(copied, results, "--selector", "revenue_only")
    assert {name for name in chosen if name.split(".")[0] in BUILT} == wanted
    assert chosen == buildable(found, wanted)
    assert "assert_retention_not_above_100" not in short(chosen)


def test_finance_group_is_what_finance_answers_for(copied, state, results) -> None:
    found = manifest(copied)
    models = {
        name
        for name, node in found["nodes"].items()
        if node["resource_type"] == "model" and node["config"].get("group") == "finance"
    }
    assert "nrr_summary" in short(models)
    assert selected(copied, results, "--selector", "finance_group") == buildable(found, models)


def test_ci_modified_is_the_change_and_what_reads_it(copied, state, change, results) -> None:
    arguments = ("--selector", "ci_modified", "--state", str(state))
    assert selected(copied, results, *arguments) == set()
    model = "models/intermediate/billing/int_mrr_account_period.sql"
    change(
        model,
        (copied.dbt_dir / model)
        .read_text()
        .replace("select * from final", "select final.* from final"),
    )
    change("models/marts/core/dim_brand_new.sql", "select 1 as one")
    chosen = selected(copied, results, *arguments)
    found = manifest(copied)
    changed = {"model.o2r.int_mrr_account_period", "model.o2r.dim_brand_new"}
    expected = closure(changed, found["child_map"])
    assert chosen == {name for name in expected if is_run(name)}
    assert {"nrr_summary", "metric_values"} <= short(chosen)
    assert "request_performance" not in short(chosen)


def test_a_failed_run_is_selected_and_retried(copied, state, change, results) -> None:
    model = "models/intermediate/core/int_day.sql"
    right = (copied.dbt_dir / model).read_text()
    change(model, right.replace("select * from final", "select final.*, 1 / 0 as wrong from final"))
    before = gold_hashes(copied)
    command = ["--quiet", "build", *NO_TESTS, "--select", "int_day", "dim_date", "journey_steps"]
    assert dbt(copied, command) == 1
    status = {r["unique_id"]: r["status"] for r in run_results(copied)}
    assert status["model.o2r.int_day"] == "error"
    assert status["model.o2r.dim_date"] == "skipped"
    assert status["seed.o2r.journey_steps"] == "success"
    failed = copied.project / "failed"
    shutil.copytree(work(copied), failed, ignore=shutil.ignore_patterns("compiled", "run"))

    chosen = selected(copied, results, "--selector", "failed_retry", "--state", str(failed))
    children = manifest(copied)["child_map"]
    assert {name for name in chosen if name.split(".")[0] in BUILT} == {
        name
        for name in closure(["model.o2r.int_day", "model.o2r.dim_date"], children)
        if name.split(".")[0] in BUILT
    }
    assert "journey_steps" not in short(chosen)

    change(model, right)
    assert dbt(copied, ["--quiet", "retry", "--state", str(failed)]) == 0
    assert {r["unique_id"]: r["status"] for r in run_results(copied)} == {
        "model.o2r.int_day": "success",
        "model.o2r.dim_date": "success",
    }
    assert gold_hashes(copied) == before


def run_results(settings: Settings, target: str = "prod") -> list[dict]:
    """Results of the last command, hooks apart."""
    found = json.loads((work(settings, target) / "run_results.json").read_text())["results"]
    return [result for result in found if not result["unique_id"].startswith("operation.")]


def test_fail_fast_stops_at_the_first_failure(copied, state, change) -> None:
    for name in ("dim_date", "dim_product"):
        model = f"models/marts/core/{name}.sql"
        change(
            model,
            (copied.dbt_dir / model).read_text().replace("select * from final", "select 1 / 0"),
        )
    command = ["--quiet", "run", "--threads", "1", "--select", "dim_date", "dim_product"]
    assert dbt(copied, command) == 1
    assert sorted(r["status"] for r in run_results(copied)) == ["error", "error"]
    assert dbt(copied, [*command, "--fail-fast"]) == 1
    assert sorted(r["status"] for r in run_results(copied)) == ["error", "skipped"]


def test_empty_builds_every_model_without_rows_elsewhere(gold: Settings) -> None:
    before = gold_hashes(gold)
    assert dbt(gold, ["--quiet", "build", "--empty", *NO_TESTS], "ci") == 0
    built = {
        r["unique_id"]
        for r in run_results(gold, "ci")
        if r["status"] == "success" and not r["unique_id"].startswith("seed.")
    }
    models = {
        name
        for name, node in manifest(gold, "ci")["nodes"].items()
        if node["resource_type"] in ("model", "snapshot")
        and node["config"]["materialized"] != "ephemeral"
    }
    assert built == models
    for schema in ("dbt_ci_mart_gold", "dbt_ci_intermediate_silver", "dbt_ci_snapshots"):
        tables = frame(
            gold,
            "select table_name from information_schema.tables where table_schema = %s "
            "and table_name not in ('int_change_log', 'int_model_logic')",
            [schema],
        )["table_name"]
        assert len(tables) > 0
        rows = {
            table: frame(gold, f"select count(*) from {schema}.{table}").iloc[0, 0]
            for table in tables
        }
        # rows that no table is read for: the reporting dimensions, and each dimension's Unknown
        constant = {"int_grain_dimension": 10}
        constant |= {table: 1 for table in rows if table.startswith("dim_")}
        assert {t: n for t, n in rows.items() if n > 0 and n != constant.get(t)} == {}
    assert gold_hashes(gold) == before


@pytest.mark.parametrize("private", ["int_request_performance", "int_account_current"])
def test_a_private_model_is_read_by_its_group_only(copied, state, change, results, private) -> None:
    """The reader stands in the group finance."""
    change("models/marts/revenue/intruder.sql", f"select * from {{{{ ref('{private}') }}}}")
    assert dbt(copied, ["--quiet", "parse"]) == 2
    assert "which is not allowed because the referenced node is private" in str(
        results[-1].exception
    )


def test_every_mart_has_a_group_and_is_public(copied, state) -> None:
    models = [n for n in manifest(copied)["nodes"].values() if n["resource_type"] == "model"]
    marts = [node for node in models if node["fqn"][1] == "marts"]
    assert len(marts) > 40
    assert [n["name"] for n in marts if n["access"] != "public" or not n["config"]["group"]] == []
    assert {n["access"] for n in models if n["fqn"][1] == "staging"} == {"protected"}
    owners = {group["name"]: group["owner"] for group in manifest(copied)["groups"].values()}
    assert {node["config"]["group"] for node in marts} <= owners.keys()
    assert all(owner["name"] and owner["email"] for owner in owners.values())


def test_every_mart_is_read_by_a_model_or_a_dashboard(copied, state) -> None:
    found = manifest(copied)
    unread = [
        node["name"]
        for name, node in found["nodes"].items()
        if node["resource_type"] == "model"
        and node["fqn"][1] == "marts"
        and not node["deprecation_date"]
        and not any(c.split(".")[0] in ("model", "exposure") for c in found["child_map"][name])
    ]
    assert unread == []
    for exposure in found["exposures"].values():
        parents = exposure["depends_on"]["nodes"]
        assert {found["nodes"][name]["fqn"][1] for name in parents} == {"marts"}
        assert all((exposure["owner"]["name"], exposure["description"], exposure["maturity"]))


def test_every_table_that_is_read_has_a_limit_of_age(copied, state) -> None:
    """Hours for events, which arrive all day; days for what is delivered daily or more rarely."""
    found = manifest(copied)
    read = {p for n in found["nodes"].values() for p in n.get("depends_on", {}).get("nodes", [])}
    limits = {
        node["name"]: node["freshness"]
        for name, node in found["sources"].items()
        if name in read and node["source_name"] != "company"  # statements hold until others come
    }
    assert len(limits) > 15
    assert [
        t for t, limit in limits.items() if not limit or not limit["error_after"]["count"]
    ] == []
    for table, limit in limits.items():
        is_event = table.startswith(("inference_", "resource_")) or table in (
            "product_usage_events", "onboarding_step_events", "web_events",
        )  # fmt: skip
        assert limit["error_after"]["period"] == ("hour" if is_event else "day"), table
        assert limit["warn_after"]["count"] < limit["error_after"]["count"]


def test_bad_rows_fail_the_generic_tests(gold: Settings) -> None:
    """One fault after the other, each undone: found by the test that is meant to find it."""
    faults = {
        "scd2_intervals": [
            "update mart_gold.dim_account_history set valid_from_at = '1900-01-01' "
            "where account_id = '1'",  # holds since ever
            "update mart_gold.dim_account_history set is_current = false where account_id = '2'",
            "insert into mart_gold.dim_account_history select account_version_key || 'x', "
            "account_id, 2, valid_to_at, valid_to_at, true from mart_gold.dim_account_history "
            "where account_id = '3'",  # empty, and a second current one
            "update mart_gold.dim_account_history set valid_to_at = '2026-01-01', "
            "is_current = false where account_id = '4'; "
            "insert into mart_gold.dim_account_history (account_id, valid_from_at, valid_to_at, "
            "is_current, is_active) values ('4', '2026-01-02', '9999-12-31', true, true)",  # gap
            # overlap
            "update mart_gold.dim_account_history set valid_to_at = '2026-01-02', "
            "is_current = false where account_id = '5'; "
            "insert into mart_gold.dim_account_history (account_id, valid_from_at, valid_to_at, "
            "is_current, is_active) values ('5', '2026-01-01', '9999-12-31', true, true)",
        ],
        "no_future_dates": [
            "update mart_gold.fct_tickets set resolved_at = '2026-02-02' where ticket_id = '201'",
        ],
        "parts_sum_to_total": [
            "update mart_gold.fct_usage_daily set input_tokens = null "
            "where usage_key = (select min(usage_key) from mart_gold.fct_usage_daily)",
            "update mart_gold.fct_usage_daily set total_tokens = total_tokens + 1 "
            "where usage_key = (select max(usage_key) from mart_gold.fct_usage_daily)",
        ],
    }
    broken = clone(gold, "generic_tests")
    chosen = [f"test_name:{name}" for name in faults]
    models = ["dim_account_history", "fct_tickets", "fct_usage_daily"]
    command = ["--quiet", "test", "--select", *(f"{m},{t}" for m in models for t in chosen)]
    assert dbt(broken, command) == 0
    for statements in faults.values():
        for statement in statements:
            execute(broken, statement)
    assert dbt(broken, command) == 1
    failures: dict[str, int] = {}
    for result in run_results(broken):
        name = next(name for name in faults if f".{name}_" in result["unique_id"])
        failures[name] = failures.get(name, 0) + result["failures"]
    # of the third account both versions are at fault: it has two current ones
    assert failures == {"scd2_intervals": 6, "no_future_dates": 1, "parts_sum_to_total": 2}


def test_unknown_accounts_warn_then_fail_and_their_rows_are_kept(gold: Settings) -> None:
    broken = clone(gold, "unknown_accounts")
    test = "assert_requests_come_from_known_accounts"
    command = ["--quiet", "test", "--select", test, "assert_requests_silver_equal_gold"]

    def outcome() -> dict[str, str]:
        return {r["unique_id"].split(".")[2]: r["status"] for r in run_results(broken)}

    assert dbt(broken, command) == 0
    assert outcome()[test] == "pass"
    share = "update mart_gold.dim_account set is_inferred = true where account_id = (select "
    share += "account_id from mart_gold.fct_usage_daily group by 1 order by sum(request_count) {} "
    share += "limit 1)"
    execute(broken, share.format("asc"))
    assert dbt(broken, [*command, "--vars", "max_unknown_account_pct: 99"]) == 0
    assert outcome()[test] == "warn"
    execute(broken, share.format("desc"))
    execute(
        broken,
        "update mart_gold.fct_usage_daily set request_count = request_count + 1 "
        "where ctid = (select min(ctid) from mart_gold.fct_usage_daily)",
    )
    for _ in range(2):
        assert dbt(broken, command) == 1
        assert set(outcome().values()) == {"fail"}
        kept = frame(broken, f"select * from test_failures.{test}")
        assert len(kept) == 2
        assert len(frame(broken, "select * from test_failures.assert_requests_silver_equal_gold"))
    readers = frame(
        broken,
        "select rolname from pg_roles where rolname like any(array['%%engineer', '%%user', "
        "'%%scientist', '%%reader']) and has_schema_privilege(rolname, 'test_failures', 'usage') "
        "and has_table_privilege(rolname, %s, 'select') order by 1",
        [f"test_failures.{test}"],
    )
    assert readers["rolname"].tolist() == ["analytics_engineer", "data_engineer"]


TABLES = {
    "inference_user_token_usage_proprietary": "inference",
    "customer_details": "crm",
}


def ages(settings: Settings, code: int) -> dict[str, tuple[str, float]]:
    """Status and age in seconds by table, from `dbt source freshness`."""
    chosen = [f"source:{source}.{table}" for table, source in TABLES.items()]
    assert dbt(settings, ["--quiet", "source", "freshness", "--select", *chosen]) == code
    found = json.loads((work(settings) / "sources.json").read_text())["results"]
    return {
        result["unique_id"].rpartition(".")[2]: (
            result["status"],
            result["max_loaded_at_time_ago_in_s"],
        )
        for result in found
    }


def test_old_sources_warn_then_fail_in_any_time_zone(gold: Settings, monkeypatch) -> None:
    requests, accounts = TABLES

    def arrive(hours: int, days: int) -> None:
        execute(
            gold,
            f"update raw_bronze.{requests} set loaded_at = now() - interval '{hours} hours'; "
            f"update raw_bronze.{accounts} set loaded_at = now() - interval '{days} days'",
        )

    arrive(11, 6)
    assert {status for status, _ in ages(gold, 0).values()} == {"pass"}
    arrive(13, 15)
    here = ages(gold, 1)
    assert {name: status for name, (status, _) in here.items()} == {
        requests: "warn",
        accounts: "error",
    }
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    there = ages(gold, 1)
    for name, (status, age) in there.items():
        assert status == here[name][0]
        assert age == pytest.approx(here[name][1], abs=300)
    execute(gold, f"truncate raw_bronze.{requests}")
    assert ages(gold, 1)[requests][0] == "pass", "what was never delivered is not late"
