"""The capacity marts against a recomputation in pandas from bronze."""

import math

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.tables import DAY, Bronze, known, period_starts
from tests.metrics.warehouse import frame

from o2r.settings import Settings

WINDOW, HORIZON = 28, 365
CARRY, IDLE_HOURS = pd.Timedelta(hours=48), 72
REVIEW, CRITICAL, SPARE, LARGE_WARMPOOL, THROTTLED = 80, 95, 40, 25, 2
HOUR = pd.Timedelta(hours=1)
STUDENT_T = {26: 2.055529}
"""97.5 % quantile by degrees of freedom, from a table."""
MODEL = ["model_variant", "region"]


def mart(settings: Settings, name: str, key: list[str]) -> pd.DataFrame:
    """A gold table by its key, numbers as floats, dates as timestamps."""
    rows = frame(settings, f"select * from mart_gold.{name}")
    for column in rows.columns:
        kinds = set(rows[column].dropna().map(type).map(lambda kind: kind.__name__))
        if kinds & {"Decimal", "int", "float"}:
            rows[column] = rows[column].astype(float)
        elif kinds & {"date", "datetime", "Timestamp"}:
            rows[column] = pd.to_datetime(rows[column]).astype("datetime64[us]")
    return rows.set_index(key).sort_index()


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Every expected column agrees with gold, to the sixth decimal, and no row is left over."""
    assert len(expected) > 0
    expected = expected.sort_index()
    for column in expected.columns:
        if pd.api.types.is_datetime64_any_dtype(expected[column]):
            expected[column] = expected[column].astype("datetime64[us]")
    pd.testing.assert_frame_equal(
        found[list(expected.columns)], expected, check_dtype=False, rtol=1e-9, atol=6e-7
    )


@pytest.fixture(scope="module")
def bronze(small: Settings) -> Bronze:
    return Bronze(small)


@pytest.fixture(scope="module")
def inventory(bronze: Bronze, company: Company) -> pd.DataFrame:
    """Snapshots of reservations up to the as-of day, oldest first."""
    rows = bronze.latest(
        "resource_accelerator_inventory", ["odcr", "event_timestamp"], ["loaded_at"]
    ).rename(columns={"event_timestamp": "at"})
    rows = rows[rows["at"] < company.end].sort_values(["odcr", "at"])
    return rows.reset_index(drop=True)


@pytest.fixture(scope="module")
def samples(company: Company) -> pd.DataFrame:
    rows = company.samples.copy()
    rows["region"] = known(rows["region"])
    rows["role"] = known(rows["role"]).str.lower().replace("unknown", "Unknown")
    rows["used"] = 100 * rows["util_ratio"]
    rows["day"] = rows["at"].dt.normalize()
    rows["week_start"] = period_starts(rows["at"], "week")
    return rows


def test_inventory_counts_each_reservation_once_a_day(small, company, inventory) -> None:
    parts = ["idle_instances", "warmpool_instances", "used_instances"]
    rows = []
    for _, snapshots in inventory.groupby("odcr"):
        for day in pd.date_range(snapshots["at"].min().normalize(), company.as_of):
            for snapshot in snapshots[snapshots["at"] < day + DAY].iloc[::-1].itertuples():
                values = [getattr(snapshot, part) for part in parts]
                total = snapshot.total_instances
                total = sum(values) if np.isnan(total) else total
                if np.isnan(total):
                    continue
                if snapshot.at >= day or day + DAY - snapshot.at <= CARRY:
                    counted = [0 if np.isnan(value) else value for value in values]
                    carried = snapshot.at < day
                    key = (day, snapshot.instance_type, snapshot.region)
                    rows.append((*key, 1, carried, total, *counted, total - sum(counted)))
                break
    names = ["inventory_date", "instance_type", "region"]
    measures = ["reservation_count", "carried_reservation_count", "total_instances", *parts]
    expected = pd.DataFrame(rows, columns=[*names, *measures, "unaccounted_instances"])
    expected = expected.groupby(names).sum().astype(float)
    expected["idle_pct"] = 100 * expected["idle_instances"] / expected["total_instances"]
    assert (expected["carried_reservation_count"] > 0).any()
    assert (expected["unaccounted_instances"] != 0).any()
    same(mart(small, "accelerator_inventory_daily", names), expected)


def test_capacity_of_a_week(small, company, bronze, samples) -> None:
    key = [*MODEL, "role", "week_start"]
    groups = samples.groupby(key)
    expected = pd.DataFrame(
        {
            "sample_count": groups["used"].count().astype(float),
            "utilization_p50_pct": groups["used"].quantile(0.5),
            "utilization_p90_pct": groups["used"].quantile(0.9),
            "utilization_peak_pct": groups["used"].max(),
            "pod_count": groups["pod_id"].nunique().astype(float),
        }
    )
    minutes = samples.dropna(subset="actual_concurrency")
    minutes = minutes.assign(minute=minutes["at"].dt.floor("min"))
    pods = minutes.groupby([*key, "minute", "pod_id"])["actual_concurrency"].max().reset_index()
    sums = pods.groupby([*key, "minute"])["actual_concurrency"].agg(["sum", "size"]).reset_index()
    sums = sums.sort_values(["sum", "size", "minute"], ascending=[False, True, True])
    peak = sums.drop_duplicates(key).set_index(key)
    assert (peak["size"] > 1).any()
    assert (minutes.groupby([*key, "minute"]).size() > peak["size"].max()).any()
    expected = expected.join(peak.rename(columns={"sum": "peak_concurrency"}))
    expected["peak_at"] = expected.pop("minute")
    expected["peak_pod_count"] = expected.pop("size").astype(float)
    versions = bronze.latest(
        "config_model_dimensions", ["model_variant", "snapshot_date"], ["loaded_at"]
    ).sort_values("snapshot_date")
    ideal, limit = [], []
    for model, _, _, week in expected.index:
        seen = min(week + 6 * DAY, company.as_of)
        known_then = versions[
            (versions["model_variant"] == model) & (versions["snapshot_date"] <= seen)
        ]
        newest = known_then.iloc[-1] if len(known_then) else {}
        ideal.append(newest.get("ideal_concurrency", np.nan))
        limit.append(newest.get("max_concurrency", np.nan))
    expected["headroom_to_ideal"] = (
        np.array(ideal) * expected["peak_pod_count"] - expected["peak_concurrency"]
    )
    expected["headroom_to_max"] = (
        np.array(limit) * expected["peak_pod_count"] - expected["peak_concurrency"]
    )
    saturated = (expected["utilization_p90_pct"] >= REVIEW).astype(object)
    expected["is_saturated"] = saturated.where(expected["utilization_p90_pct"].notna(), None)
    same(mart(small, "model_capacity_weekly", key), expected)


def test_forecast_is_least_squares(small, company, samples) -> None:
    seen = samples[(samples["role"] != "classifier") & samples["used"].notna()]
    rows = []
    for (model, region), group in seen.groupby(MODEL):
        daily = group[group["day"] > company.as_of - WINDOW * DAY].groupby("day")["used"]
        y = daily.quantile(0.9)
        x = ((y.index - company.as_of) / DAY).to_numpy()
        (slope, level), covariance = np.polyfit(x, y.to_numpy(), 1, cov=True)
        t = STUDENT_T[len(x) - 2]
        low, high = (slope + sign * t * math.sqrt(covariance[0, 0]) for sign in (-1, 1))
        for threshold in (REVIEW, CRITICAL):
            days = [x.mean() + (threshold - y.mean()) / rise for rise in (slope, high, low)]
            status = "forecast"
            if level >= threshold:
                status = "already above"
            elif low <= 0:
                status = "not growing"
            elif days[0] > HORIZON:
                status = "beyond horizon"
            row = [model, region, float(threshold), status, level, slope, low, high]
            if status == "forecast":
                row += [days[0], max(days[1], 0), days[2] if days[2] <= HORIZON else np.nan]
            else:
                row += [np.nan] * 3
            rows.append(row)
    key = [*MODEL, "threshold_pct"]
    measures = [
        *("status", "utilization_level_pct", "growth_pct_per_day", "growth_low_pct_per_day"),
        *("growth_high_pct_per_day", "days_until", "days_until_low", "days_until_high"),
    ]
    expected = pd.DataFrame(rows, columns=[*key, *measures]).set_index(key).sort_index()
    found = mart(small, "capacity_forecast", key)
    assert {"forecast", "already above", "not growing"} <= set(found["status"])
    # the tabulated t has six decimals, and so have the daily percentiles in gold
    pd.testing.assert_frame_equal(
        found[measures], expected, check_dtype=False, rtol=1e-4, atol=1e-4
    )


def hourly_prices(company: Company, rows: pd.DataFrame) -> pd.Series:
    """Price of an instance at each snapshot: of its region if there is one, else the default."""
    prices = company.seed("instance_prices").rename(columns={"valid_from": "at"})
    prices["at"] = pd.to_datetime(prices["at"], utc=rows["at"].dt.tz is not None)
    prices["at"] = prices["at"].astype(rows["at"].dtype)
    rows = rows[["at", "instance_type", "region"]].reset_index().sort_values("at")
    key = ["instance_type", "region"]
    found = [
        pd.merge_asof(one, prices.sort_values("at"), on="at", by=key).set_index("index")
        for one in (rows, rows.assign(region="default"))
    ]
    fitting = found[0].combine_first(found[1])
    return company.to_dollars(fitting["hourly_price"], fitting["currency_code"], fitting["at"])


def test_idle_episodes(small, company, inventory) -> None:
    idle = inventory.dropna(subset="idle_instances")
    prices = hourly_prices(company, idle)
    accounts = known(inventory["service_account"])
    rows = []
    for odcr, snapshots in idle.groupby("odcr"):
        snapshots = list(snapshots.itertuples())
        following = [snapshot.at for snapshot in snapshots[1:]] + [company.end]
        until = None
        for snapshot, after in zip(snapshots, following, strict=True):
            if snapshot.idle_instances > 0:
                if until != snapshot.at:
                    rows.append([odcr, snapshot.at, None, None, 0.0, 0.0])
                until = min(after, snapshot.at + CARRY)
                hours = (until - snapshot.at) / HOUR
                rows[-1][2] = until
                rows[-1][3] = accounts[snapshot.Index]
                rows[-1][4] += snapshot.idle_instances * hours
                rows[-1][5] += snapshot.idle_instances * hours * prices[snapshot.Index]
    key = ["odcr", "idle_since_at"]
    expected = pd.DataFrame(
        rows,
        columns=[*key, "idle_until_at", "service_account", "idle_instance_hours", "idle_cost"],
    ).set_index(key)
    since = expected.index.get_level_values("idle_since_at")
    expected["duration_hours"] = (expected["idle_until_at"] - since) / HOUR
    expected["is_flagged"] = (expected["duration_hours"] >= IDLE_HOURS).astype(object)
    expected["is_open"] = (expected["idle_until_at"] == company.end).astype(object)
    for column in ("is_flagged", "is_open"):
        assert set(expected[column]) == {True, False}
    assert expected["idle_cost"].isna().any()
    assert "Unknown" in set(expected["service_account"])
    found = mart(small, "idle_capacity", key)
    same(found, expected)
    owners = mart(small, "idle_capacity_by_owner", ["service_account"])
    groups = expected.groupby("service_account")
    pd.testing.assert_series_equal(
        owners["idle_cost"],
        groups["idle_cost"].sum(min_count=1),
        check_names=False,
        atol=1e-4,
    )
    idle_now = found[found["is_open"]].groupby("service_account")["idle_instances"].sum()
    assert owners["idle_instances"].sum() == idle_now.sum()


def test_allocation_beside_use(small, company, bronze, samples) -> None:
    key = [*MODEL, "instance_type"]
    allocated = bronze.latest(
        "resource_model_instance_allocation", [*key, "event_timestamp"], ["loaded_at"]
    )
    start = company.end - WINDOW * DAY
    at = allocated["event_timestamp"]
    allocated = allocated[(at >= start) & (at < company.end)].sort_values("event_timestamp")
    daily = allocated.assign(day=allocated["event_timestamp"].dt.normalize())
    daily = daily.drop_duplicates([*key, "day"], keep="last")
    assert len(daily) < len(allocated)
    groups = daily.groupby(key)
    expected = pd.DataFrame(
        {
            "observed_days": groups.size().astype(float),
            "used_instances_mean": groups["used_instances"].mean(),
            "warmpool_instances_mean": groups["warmpool_instances"].mean(),
            "used_instances_peak": groups["used_instances"].max(),
        }
    )
    used, warm = groups["used_instances"].sum(), groups["warmpool_instances"].sum()
    expected["warmpool_pct"] = 100 * warm / (used + warm)
    recent = samples[(samples["day"] >= start) & (samples["role"] != "classifier")]
    p90 = recent.groupby(key)["used"].quantile(0.9)
    expected["utilization_p90_pct"] = p90
    expected["verdict"] = np.select(
        [
            p90.reindex(expected.index) >= REVIEW,
            (expected["utilization_p90_pct"] < SPARE)
            | (expected["warmpool_pct"] >= LARGE_WARMPOOL),
        ],
        ["under-provisioned", "over-provisioned"],
        "balanced",
    )
    assert set(expected["verdict"]) == {"under-provisioned", "over-provisioned", "balanced"}
    same(mart(small, "allocation_vs_use", key), expected)


def test_revenue_at_risk(small, company, bronze, samples) -> None:
    start = company.end - WINDOW * DAY
    routes = bronze.latest(
        "config_model_region_availability",
        ["model_variant", "source_region", "snapshot_date"],
        ["loaded_at"],
    )
    routes = routes[routes["snapshot_date"] <= company.as_of].sort_values("snapshot_date")
    serves = routes.set_index(["model_variant", "source_region"])["inference_region"].to_dict()
    calls = company.requests[company.requests["at"] >= start].copy()
    for column in ("model_variant", "source_region", "account_id"):
        calls[column] = known(calls[column])
    calls["region"] = [
        serves.get(pair) or pair[1]
        for pair in zip(calls["model_variant"], calls["source_region"], strict=True)
    ]
    assert (calls["region"] != calls["source_region"]).any()
    calls["throttled"] = calls["error_code"].str.strip().str.upper().eq("E429").astype(float)
    revenue = company.revenue[company.revenue["at"] >= start].copy()
    for column in (*MODEL, "account_id"):
        revenue[column] = known(revenue[column])
    gross = revenue[[c for c in revenue.columns if c.startswith("gross_revenue_")]].fillna(0)
    net = gross.sum(axis=1)
    net -= revenue[["savings_plan_amount", "discount_amount"]].fillna(0).sum(axis=1)
    revenue["net"] = company.to_dollars(net, revenue["currency_code"], revenue["at"])
    recent = samples[(samples["day"] >= start) & (samples["role"] != "classifier")]
    seen = pd.concat([calls[[*MODEL, "account_id"]], revenue[[*MODEL, "account_id"]]])
    expected = pd.DataFrame(
        {
            "utilization_p90_pct": recent.groupby(MODEL)["used"].quantile(0.9),
            "request_count": calls.groupby(MODEL).size(),
            "throttled_count": calls.groupby(MODEL)["throttled"].sum(),
            "account_count": seen.groupby(MODEL)["account_id"].nunique(),
            "net_revenue": revenue.groupby(MODEL)["net"].sum(),
        }
    )
    counts = ["request_count", "throttled_count", "account_count", "net_revenue"]
    expected[counts] = expected[counts].fillna(0.0)
    expected["throttle_rate_pct"] = (
        100 * expected["throttled_count"] / expected["request_count"].replace(0, np.nan)
    )
    at_risk = (expected["utilization_p90_pct"] >= REVIEW) | (
        expected["throttle_rate_pct"] >= THROTTLED
    )
    is_measured = expected["utilization_p90_pct"].notna() | (expected["request_count"] > 0)
    assert set(is_measured) == {True, False}
    expected["revenue_at_risk"] = expected["net_revenue"].where(at_risk, 0.0).where(is_measured)
    assert set(at_risk) == {True, False}
    expected.index.names = MODEL
    found = mart(small, "revenue_at_risk", MODEL)
    money = ["net_revenue", "revenue_at_risk"]
    same(found, expected.drop(columns=money))
    # each row of revenue is rounded to six decimals before it is added up
    pd.testing.assert_frame_equal(found[money], expected.sort_index()[money], atol=0.01)
