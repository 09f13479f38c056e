"""A MetricFlow metric returns the number that metric_values has under the same name."""

import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tests.in_process import put_parsed
from tests.metrics.semantic_layer import (
    DIMENSIONS,
    GRAINS,
    SemanticLayer,
    differences,
    expected_cells,
    read_manifest,
)
from tests.metrics.warehouse import chapter12_gold, frame

from o2r.metricflow import mf
from o2r.metrics import read
from o2r.settings import Settings

ROOT = Path(__file__).parents[2]
O2R = Path(sys.executable).with_name("o2r")
METRICS = {
    metric["name"]: metric
    for path in sorted((ROOT / "dbt" / "models" / "semantic").glob("*.yml"))
    for metric in yaml.safe_load(path.read_text()).get("metrics", [])
}
CATALOGUE = read(ROOT).metrics
PUBLISHED = sorted(name for name, metric in CATALOGUE.items() if metric.semantic)


@pytest.fixture(scope="module")
def layer(small: Settings) -> SemanticLayer:
    return SemanticLayer(small)


@pytest.fixture(scope="module")
def values(small: Settings) -> pd.DataFrame:
    return frame(small, "select * from mart_gold.metric_values")


@pytest.fixture(scope="module")
def book(new_database: Callable[[], Settings]) -> tuple[SemanticLayer, pd.DataFrame]:
    settings = chapter12_gold(new_database)
    return SemanticLayer(settings), frame(settings, "select * from mart_gold.metric_values")


def found_differences(
    layer: SemanticLayer, values: pd.DataFrame, metric: str
) -> tuple[dict[tuple[str, str], list], set[tuple[str, str]]]:
    """What differs by (grain, dimension), and what was compared."""
    definition = CATALOGUE[metric]
    is_sum = definition.additivity in ("additive", "count") or definition.unit == "accounts"
    differing, compared = {}, set()
    for grain in GRAINS:
        for dimension in DIMENSIONS:
            found = layer.cells(metric, grain, dimension, definition.region_basis)
            if found is None:
                continue
            compared.add((grain, dimension))
            expected = expected_cells(values, metric, grain, dimension)
            if wrong := differences(found, expected, is_sum=is_sum):
                differing[grain, dimension] = wrong
    return differing, compared


@pytest.mark.parametrize("metric", PUBLISHED)
def test_every_cell_is_that_of_metric_values(
    layer: SemanticLayer, values: pd.DataFrame, metric: str
) -> None:
    differing, compared = found_differences(layer, values, metric)
    assert differing == {}
    assert all(expected_cells(values, metric, grain, dimension) for grain, dimension in compared), (
        "offered where metric_values has nothing to compare with"
    )
    semantic = CATALOGUE[metric].semantic
    assert semantic.grains == tuple(grain for grain in GRAINS if (grain, "all") in compared)
    assert semantic.dimensions == tuple(
        name for name in DIMENSIONS if name != "all" and ("month", name) in compared
    )


@pytest.mark.parametrize("metric", PUBLISHED)
def test_the_book_has_the_same_numbers(
    book: tuple[SemanticLayer, pd.DataFrame], metric: str
) -> None:
    """Usage-based business: MRR is the run rate, and most members are unknown."""
    differing, compared = found_differences(*book, metric)
    assert differing == {}
    assert compared


def test_every_metric_is_in_the_catalogue_or_part_of_one_that_is(layer: SemanticLayer) -> None:
    assert layer.metrics == METRICS.keys()
    assert METRICS.keys() - CATALOGUE.keys() <= layer.inputs


def _measure(manifest: dict, name: str) -> dict:
    return next(
        measure
        for model in manifest["semantic_models"]
        for measure in model["measures"]
        if measure["name"] == name
    )


def _metric(manifest: dict, name: str) -> dict:
    return next(metric for metric in manifest["metrics"] if metric["name"] == name)


@pytest.mark.parametrize(
    ("metric", "spoil"),
    [
        ("error_rate_pct", lambda m: _measure(m, "error_count").update(expr="throttled_count")),
        ("error_rate_pct", lambda m: _measure(m, "error_count").update(agg="average")),
        ("mrr", lambda m: _measure(m, "mrr_in_force").update(non_additive_dimension=None)),
        (
            "ytd_revenue",
            lambda m: _measure(m, "revenue_to_date")["non_additive_dimension"].update(
                window_choice="min"
            ),
        ),
        ("weekly_signups", lambda m: _metric(m, "weekly_signups").update(filter=None)),
        ("active_accounts", lambda m: _metric(m, "active_accounts").update(filter=None)),
        ("ticket_volume", lambda m: _measure(m, "tickets").update(expr="reopen_count")),
    ],
)
def test_a_metric_defined_otherwise_is_red(
    small: Settings, values: pd.DataFrame, metric: str, spoil
) -> None:
    manifest = copy.deepcopy(read_manifest(small))
    spoil(manifest)
    assert found_differences(SemanticLayer(small, manifest), values, metric)[0]


def test_a_cell_too_many_or_too_few_is_red() -> None:
    cells = {("2026-01-05", "all"): 1}
    assert differences({}, cells, is_sum=True)
    assert differences(cells, {}, is_sum=True)
    assert differences({}, {("2026-01-05", "all"): 0}, is_sum=False)
    assert not differences({}, {("2026-01-05", "all"): 0}, is_sum=True)


def test_the_command_line_gives_the_same(
    small: Settings, values: pd.DataFrame, environ: Callable, tmp_path: Path
) -> None:
    def ask(*arguments: str) -> str:
        run = subprocess.run(
            [O2R, "mf", *arguments],
            env=environ(small),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    put_parsed(small)
    ask(
        *("query", "--metrics", "weekly_revenue,ytd_revenue"),
        *("--group-by", "metric_time__week,account__segment", "--csv", "answer.csv"),
        "--provisional",
    )
    answer = pd.read_csv(tmp_path / "answer.csv", parse_dates=["metric_time__week"])
    for metric in ("weekly_revenue", "ytd_revenue"):
        expected = expected_cells(values, metric, "week", "segment")
        assert len(answer) == len(expected)
        for period, segment, value in zip(
            answer["metric_time__week"].dt.date, answer["account__segment"], answer[metric],
            strict=True,
        ):  # fmt: skip
            value = 0 if pd.isna(value) else value
            assert value == pytest.approx(float(expected[period, segment]), abs=1e-4)
    assert "Successfully validated metrics against data warehouse (ERRORS: 0" in ask(
        "validate-configs", "--show-all"
    )


def test_the_command_line_answers_for_final_periods(
    small: Settings, values: pd.DataFrame, capfd: pytest.CaptureFixture, tmp_path: Path
) -> None:
    """The weeks that are final for both metrics in metric_values, and no other."""
    metrics = ["abandonment_rate_pct", "weekly_revenue"]
    file = tmp_path / "final.csv"
    arguments = ["query", "--metrics", ",".join(metrics), "--group-by", "metric_time__week"]
    assert mf(small, [*arguments, "--csv", str(file)]) == 0
    assert "final periods only" in capfd.readouterr().err
    weeks = values[(values["grain"] == "week") & (values["dimension"] == "all")]
    weeks = weeks[weeks["metric"].isin(metrics)].astype({"value": float})
    weeks["period_start"] = pd.to_datetime(weeks["period_start"])
    final = weeks[weeks["is_final"]].groupby("metric")["period_start"]
    first, last = final.min().max(), final.max().min()
    assert last < weeks["period_start"].max()
    expected = weeks.pivot(index="period_start", columns="metric", values="value").loc[first:last]
    found = pd.read_csv(file, parse_dates=["metric_time__week"]).set_index("metric_time__week")
    pd.testing.assert_frame_equal(
        found.sort_index()[metrics], expected[metrics], check_names=False, check_index_type=False
    )
