"""The metrics of metrics/: mistakes are told by name, and a new one writes what hangs on it."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from o2r.cli.main import app
from o2r.errors import UserError
from o2r.metrics import problems, read, write
from o2r.metrics.new import create

ROOT = Path(__file__).resolve().parents[2]
REFUNDS = {
    "name": "Refund rate",
    "book": "ours",
    "layer": "revenue",
    "formula": "Void invoices / invoices, by amount",
    "unit": "%",
    "direction": "down",
    "owner": "PRD",
    "additivity": "ratio",
    "region_basis": "account home",
    "mart": "revenue_summary",
    "grains": ["month"],
    "dimensions": ["segment"],
    "value": "growth_rate_pct",
    "numerator": "net_revenue",
    "feeds": ["revenue"],
    "no_semantic": "a test",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What the registry reads and writes, as it is."""
    for name in ("metrics", "dbt/seeds", "dbt/models", "dbt/macros"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "docs").mkdir()
    for name in ("docs/metrics.md", "docs/semantic-layer.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def wrong(project: Path) -> list[str]:
    return problems(read(project), project)


def test_nothing_is_wrong_and_everything_derived_is_current() -> None:
    started = time.perf_counter()
    assert wrong(ROOT) == []
    assert time.perf_counter() - started < 10, "it is meant for every save: a second or less"


def changed(**keys: object) -> Callable[[dict], None]:
    return lambda metric: metric.update(keys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(mart="adoption_cohort"), "mart: there is no mart adoption_cohort; did you mean"),
        (changed(mart="dim_date"), "mart: dim_date has no column grain, which metric_values"),
        (changed(value="adoption_rate"), "value: adoption_cohorts has no column adoption_rate;"),
        (changed(denominator="2 * cohorts"), "denominator: adoption_cohorts has no column cohorts"),
        (changed(where="kind = 'x'"), "where: adoption_cohorts has no column kind"),
        (changed(open_count="open_ones"), "open_count: adoption_cohorts has no column open_ones"),
        (changed(is_complete="is_done"), "is_complete: adoption_cohorts has no column is_done"),
        (changed(dimensions=["product"]), "dimensions: adoption_cohorts says that its column"),
        (changed(feeds=["request"]), "feeds: seeds/feeds.csv has no feed request; did you mean"),
        (changed(feeds=["revenue"]), "feeds: adoption_cohorts reads nothing of revenue, but of"),
        (changed(feeds=[]), "feeds: "),
        (changed(acts_on=["C.9.9"]), "acts_on: _factors.yml has no factor C.9.9"),
        (changed(layer="custumer"), "layer: Input should be 'revenue', 'customer' or"),
        (changed(owner="Bob"), "owner: Input should be"),
        (changed(direction="higher"), "direction: Input should be 'up' or 'down'"),
        (changed(additivity="sum"), "additivity: Input should be"),
        (changed(grains=["week", "day"]), "grains.1: Input should be 'week' or 'month'"),
        (changed(final_after_days=-1), "final_after_days: Input should be greater"),
        (changed(denominatr="x"), "denominatr: no such key; did you mean denominator?"),
        (changed(name="Uptime"), "adoption_rate_pct and uptime_pct have one name, Uptime"),
        (lambda metric: metric.pop("unit"), "unit: is missing"),
        (lambda metric: metric.pop("no_semantic"), "give either semantic, or no_semantic"),
        (
            changed(no_semantic=None, semantic={"grains": ["week"], "type": "simple",
                    "type_params": {"measure": "adopted"}}),
            "semantic: there is no measure adopted",
        ),
        (
            changed(no_semantic=None, semantic={"grains": ["week"], "type": "derived",
                    "dimensions": ["product"], "type_params": {"metrics": ["mrr"]}}),
            "semantic.dimensions: product is not among the dimensions of the metric",
        ),
        (changed(formula="Another"), "dbt/seeds/metric_definitions.csv: out of date: run"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_name(
    project: Path, change: Callable[[dict], object], said: str
) -> None:
    path = project / "metrics" / "adoption_rate_pct.yml"
    metric = yaml.safe_load(path.read_text())
    change(metric)
    path.write_text(yaml.safe_dump({k: v for k, v in metric.items() if v is not None}))
    found = wrong(project)
    assert found
    assert all(said in line or "out of date" in line for line in found), found
    assert any(said in line for line in found)
    assert found[0].startswith(("metrics", "dbt/seeds")), "it says where"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.yml", "a: [", "metrics/x.yml: cannot be read"),
        ("x.yml", "- 1", "metrics/x.yml: write keys and values"),
        ("X-1.yml", (ROOT / "metrics/mrr.yml").read_text(), "metrics/X-1.yml: metric: String"),
        ("_factors.yml", "- {id: C.1.1, name: N, moves: mrrr, driver: D}",
         "_factors.yml: C.1.1: moves: there is no metric mrrr; did you mean mrr?"),
    ],
)  # fmt: skip
def test_a_file_that_says_nothing_is_named(project: Path, name: str, text: str, said: str) -> None:
    (project / "metrics" / name).write_text(text)
    found = wrong(project)
    assert any(said in line for line in found), found


def test_a_file_of_models_or_semantics_may_be_empty(project: Path) -> None:
    for folder in ("marts/core", "semantic"):
        (project / "dbt/models" / folder / "_begun.yml").write_text("# nothing yet\n")
    assert wrong(project) == []


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "dbt/seeds").mkdir(parents=True)
    shutil.copy(ROOT / "dbt/seeds/feeds.csv", tmp_path / "dbt/seeds")
    assert wrong(tmp_path) == ["metrics/_factors.yml: is missing"]


def test_a_new_metric_is_everywhere(project: Path) -> None:
    changed_files = create(project, "refund_rate_pct", dict(REFUNDS))
    assert {path.relative_to(project).as_posix() for path in changed_files} == {
        "metrics/refund_rate_pct.yml",
        "dbt/seeds/metric_definitions.csv",
        "dbt/macros/metric_registry.sql",
        "docs/metrics.md",
        "docs/semantic-layer.md",
    }
    assert wrong(project) == []
    assert read(project).metrics["refund_rate_pct"].condition == "grain = 'month'"
    assert (
        "| `refund_rate_pct` | ours | **Refund rate**" in (project / "docs/metrics.md").read_text()
    )
    assert write(read(project), project) == [], "written once"


def test_a_mistaken_new_metric_writes_nothing(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="value: revenue_summary has no column refunds"):
        create(project, "refund_rate_pct", REFUNDS | {"value": "refunds", "name": "Refunds"})
    with pytest.raises(UserError, match=r"metrics/mrr.yml exists"):
        create(project, "mrr", dict(REFUNDS))
    assert before == {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_the_command_takes_everything_as_options(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "database_scripts").mkdir()
    monkeypatch.setenv("O2R_PROJECT", str(project))
    options = [
        part
        for key, value in REFUNDS.items()
        for part in (
            f"--{key.replace('_', '-')}", ",".join(value) if isinstance(value, list) else value
        )
    ]  # fmt: skip
    result = CliRunner().invoke(app, ["metric", "new", "refund_rate_pct", *options])
    assert result.exit_code == 0, result.output
    assert "metrics/refund_rate_pct.yml" in result.output
    registry = read(project)
    counts = f"{len(registry.metrics)} metrics\n"
    assert "refund_rate_pct" in registry.metrics
    assert CliRunner().invoke(app, ["metric", "check"]).output == counts
    (project / "metrics/refund_rate_pct.yml").unlink()
    result = CliRunner().invoke(app, ["metric", "check"])
    assert result.exit_code == 1
    assert "out of date" in result.output
    assert CliRunner().invoke(app, ["metric", "write"]).exit_code == 0
    assert CliRunner().invoke(app, ["metric", "check"]).exit_code == 0
