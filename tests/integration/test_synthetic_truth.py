"""The planted lags can be read back from the delivered files of the default demo.

The panel is the one of `o2r_signal_chain`: account by complete ISO week, each series less its
account mean and week mean, Pearson correlation of cause (w) and outcome (w + lag), pooled.
"""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from o2r.synthetic import SimulationConfig, generate
from o2r.synthetic.catalog import USD_PER_UNIT
from o2r.synthetic.timeline import build_timeline, day_number

END = date(2026, 11, 21)
FIRST_MONDAY, WEEKS = day_number(date(2026, 5, 25)), 25
LAGS = range(14)
MICROS_PER_WEEK = 7 * 86_400_000_000
CHAIN = (
    "error_rate -> tickets",
    "throttle_rate -> tickets",
    "error_rate -> csat_response",
    "latency -> csat_response",
    "tickets -> usage",
    "csat_response -> usage",
    "error_rate -> usage",
    "throttle_rate -> usage",
    "latency -> usage",
    "usage -> revenue",
    "usage -> churn",
)


class Grid:
    """Sums delivered rows into arrays (accounts, weeks)."""

    def __init__(self, folder: Path, accounts: int):
        self.folder, self.shape = folder, (accounts, WEEKS)

    def read(self, name: str, *columns: str) -> pa.Table:
        return pq.read_table(self.folder / f"{name}.parquet", columns=list(columns) or None)

    def sum(self, account: pa.ChunkedArray, instant: pa.ChunkedArray, values=None) -> np.ndarray:
        row = pc.utf8_slice_codeunits(account, 4).cast(pa.int64()).to_numpy() - 1
        micros = instant.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
        week = (micros - FIRST_MONDAY * MICROS_PER_WEEK // 7) // MICROS_PER_WEEK
        inside = (week >= 0) & (week < WEEKS)
        cell = row[inside] * WEEKS + week[inside]
        weights = None if values is None else np.asarray(values, float)[inside]
        return np.bincount(cell, weights, np.prod(self.shape)).reshape(self.shape).astype(float)


def usage_series(grid: Grid) -> dict[str, np.ndarray]:
    tokens = [f"{kind}_tokens" for kind in ("input", "output", "cache_read", "cache_write")]
    feeds = [f"inference_user_token_usage_{kind}" for kind in ("open_source", "proprietary")]
    columns = ("account_id", "event_timestamp", "error_code", "latency_ms", *tokens)
    table = pa.concat_tables([grid.read(feed, *columns) for feed in feeds])
    key = table["account_id"], table["event_timestamp"]
    requests = grid.sum(*key)
    requests[requests == 0] = np.nan
    throttled = pc.fill_null(pc.equal(table["error_code"], "E429"), False)
    return {
        "error_rate": grid.sum(*key, pc.is_valid(table["error_code"])) / requests,
        "throttle_rate": grid.sum(*key, throttled) / requests,
        "latency": grid.sum(*key, table["latency_ms"].cast(pa.float64())) / requests,
        "usage": np.log1p(grid.sum(*key, sum(table[t].to_numpy() for t in tokens))),
    }


def net_revenue(grid: Grid) -> np.ndarray:
    """US dollars (accounts, weeks), from the latest snapshot of each row."""
    table = grid.read("revenue_account_daily")
    keys = [f.name for f in table.schema if not pa.types.is_decimal(f.type)]
    keys.remove("snapshot_date")
    ids = table.select(keys).combine_chunks()
    ordered = table.take(pc.sort_indices(table, [("snapshot_date", "descending")]))
    code = ordered.append_column("row", pa.array(np.arange(len(ordered))))
    first = code.group_by(ids.column_names).aggregate([("row", "min")])["row_min"]
    latest = ordered.take(first)
    amounts = {f.name: latest[f.name].cast(pa.float64()).to_numpy() for f in latest.schema
               if pa.types.is_decimal(f.type)}  # fmt: skip
    net = sum(v if name.startswith("gross") else -v for name, v in amounts.items())
    rate = np.array([USD_PER_UNIT[c] for c in latest["currency_code"].to_pylist()])
    return grid.sum(latest["account_id"], latest["revenue_date"], net * rate)


def contract_ends(grid: Grid) -> np.ndarray:
    """1 in the week in which the last paid contract of an account ended (accounts, weeks)."""
    table = grid.read("subscriptions")
    main = pc.invert(pc.ends_with(table["subscription_id"], "a"))
    paid = pc.greater(table["mrr"].cast(pa.float64()), 0.0)
    ended = table.filter(pc.and_(pc.and_(main, paid), pc.is_valid(table["cancellation_date"])))
    return grid.sum(ended["crm_account_id"], ended["cancellation_date"])


def panel(folder: Path, accounts: int) -> dict[str, np.ndarray]:
    """Series (accounts, weeks); NaN where an account sent no request, or gave no answer."""
    grid = Grid(folder, accounts)
    series = usage_series(grid)
    tickets = grid.read("support_tickets", "account_id", "created_at", "status")
    tickets = tickets.filter(pc.equal(tickets["status"], "open"))
    series["tickets"] = grid.sum(tickets["account_id"], tickets["created_at"])
    answers = grid.read("csat_responses")
    answers = answers.filter(pc.equal(answers["survey_type"], "csat"))
    key = answers["account_id"], answers["answered_at"]
    scores = grid.sum(*key, answers["score"].cast(pa.float64()))
    with np.errstate(invalid="ignore"):
        series["csat_response"] = scores / grid.sum(*key)
    series["revenue"] = np.log1p(net_revenue(grid))
    series["churn"] = contract_ends(grid)
    absent = np.isnan(series["error_rate"])
    return {name: np.where(absent, np.nan, values) for name, values in series.items()}


def demeaned(values: np.ndarray) -> np.ndarray:
    """Values less account mean and week mean, plus the overall mean, over non-missing cells."""
    present = ~np.isnan(values)
    filled = np.where(present, values, 0.0)
    by_account = filled.sum(1) / np.maximum(present.sum(1), 1)
    by_week = filled.sum(0) / np.maximum(present.sum(0), 1)
    return values - by_account[:, None] - by_week + filled.sum() / present.sum()


def correlations(cause: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Pooled Pearson correlation by lag."""
    found = []
    for lag in LAGS:
        x, y = cause[:, : WEEKS - lag], outcome[:, lag:]
        both = ~(np.isnan(x) | np.isnan(y))
        found.append(np.corrcoef(x[both], y[both])[0, 1])
    return np.array(found)


@pytest.fixture(scope="module", params=[7, 1, 2])
def recovered(request, tmp_path_factory):
    """(truth by effect, demeaned series, whether this is the default seed)."""
    folder = tmp_path_factory.mktemp("truth") / "demo"
    config = SimulationConfig(end_date=END, seed=request.param)
    generate(config, folder)
    truth = json.loads((folder / "synthetic_truth.json").read_text())
    series = {name: demeaned(v) for name, v in panel(folder, config.accounts).items()}
    return {row["effect"]: row for row in truth}, series


def test_planted_lags_are_recovered_exactly(recovered):
    truth, series = recovered
    for effect in CHAIN:
        row = truth[effect]
        signed = correlations(series[row["cause"]], series[row["outcome"]])
        signed = signed * np.sign(row["elasticity"])
        assert np.argmax(signed) == row["lag_weeks"], (effect, signed.round(3))


def test_strong_effects_stand_far_above_other_lags(recovered):
    truth, series = recovered
    for effect in CHAIN[:-1]:
        row = truth[effect]
        signed = correlations(series[row["cause"]], series[row["outcome"]])
        signed = signed * np.sign(row["elasticity"])
        others = np.delete(signed, row["lag_weeks"])
        assert signed[row["lag_weeks"]] > 0.12, (effect, signed.round(3))
        assert signed[row["lag_weeks"]] > 1.8 * others.max(), (effect, signed.round(3))


def test_pairs_without_an_effect_show_none(recovered):
    truth, series = recovered
    none = [row for row in truth.values() if row["lag_weeks"] is None and row["cause"] in series]
    assert len(none) == 3
    for row in none:
        assert row["elasticity"] == 0
        found = correlations(series[row["cause"]], series[row["outcome"]])
        assert np.abs(found[:7]).max() < 0.15, (row["effect"], found.round(3))


def test_truth_describes_every_effect_once(recovered):
    truth, _ = recovered
    assert set(CHAIN) <= set(truth)
    for effect, row in truth.items():
        assert list(row) == [
            "effect", "cause", "outcome", "lag_weeks", "elasticity", "description"
        ]  # fmt: skip
        assert effect == f"{row['cause']} -> {row['outcome']}"
        assert row["description"].endswith(".")


def test_the_window_of_this_test_is_complete_weeks_of_the_demo():
    timeline = build_timeline(SimulationConfig(end_date=END))
    assert timeline.window_start <= FIRST_MONDAY
    assert timeline.end >= FIRST_MONDAY + 7 * WEEKS - 1
    assert (FIRST_MONDAY - timeline.origin) % 7 == 0
