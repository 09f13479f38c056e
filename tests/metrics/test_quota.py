"""The quota marts against a recomputation in pandas from bronze."""

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.tables import DAY, Bronze, known, period_starts
from tests.metrics.test_capacity import HOUR, WINDOW, mart, same
from tests.metrics.warehouse import frame

from o2r.settings import Settings

NEAR = 80
KEY = ["account_id", "model_variant", "inference_scope", "source_region"]
LIMITS = ["requests_per_minute", "tokens_per_minute", "tokens_per_day"]


@pytest.fixture(scope="module")
def limit_on(small: Settings, company: Company):
    """A function: the three limits of a key on a day, as a list with NaN for none."""
    bronze = Bronze(small)
    defaults = bronze.latest(
        "quota_default_rate_limits", [*KEY[1:], "snapshot_date"], ["loaded_at"]
    ).sort_values("snapshot_date")
    agreed = bronze.latest(
        "quota_customer_rate_limit_adjustments", [*KEY, "snapshot_date"], ["loaded_at"]
    ).sort_values("snapshot_date")
    agreed = agreed[agreed["snapshot_date"] <= company.as_of]
    agreed = agreed.drop_duplicates([*KEY, "effective_date"], keep="last")
    agreed = agreed.sort_values("effective_date")
    default_of = dict(list(defaults.groupby(KEY[1:])))
    agreed_of = dict(list(agreed.groupby(KEY)))

    def on(key: tuple, day: pd.Timestamp) -> list[float]:
        limits = [np.nan] * 3
        versions = default_of.get(key[1:])
        if versions is not None:
            versions = versions[versions["snapshot_date"] <= day]
            if len(versions):
                limits = versions.iloc[-1][LIMITS].astype(float).tolist()
        mine = agreed_of.get(key)
        if mine is not None:
            goes_on = mine["expiry_date"].isna() | (day < mine["expiry_date"])
            mine = mine[(mine["effective_date"] <= day) & goes_on]
            if len(mine):
                changed = mine.iloc[-1][LIMITS].astype(float).tolist()
                limits = [b if np.isnan(a) else a for a, b in zip(changed, limits, strict=True)]
        return limits

    return on


def test_pressure_on_the_limits_of_the_day(small, company, limit_on) -> None:
    calls = company.requests[company.requests["at"] >= company.end - WINDOW * DAY].copy()
    for column in KEY:
        calls[column] = known(calls[column])
    calls["inference_scope"] = calls["inference_scope"].str.lower().replace("unknown", "Unknown")
    classes = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"]
    calls["tokens"] = calls[classes].fillna(0).sum(axis=1)
    calls["throttled"] = calls["error_code"].str.strip().str.upper().eq("E429").astype(float)
    calls["day"], calls["minute"] = calls["at"].dt.normalize(), calls["at"].dt.floor("min")
    rows = []
    for key, mine in calls.groupby(KEY):
        limits = {day: limit_on(key, day) for day in [*mine["day"].unique(), company.as_of]}
        minutes = mine.groupby(["day", "minute"])["tokens"].agg(["size", "sum"]).reset_index()
        by_day = np.array([limits[day] for day in minutes["day"]])
        use = np.column_stack([minutes["size"], minutes["sum"]]) / by_day[:, :2]
        daily = mine.groupby("day")["tokens"].sum()
        daily_use = daily.to_numpy() / np.array([limits[day][2] for day in daily.index])
        peaks = [minutes["size"].max(), minutes["sum"].max(), daily.max()]
        now = np.array(limits[company.as_of])
        rows.append(
            [
                *key,
                *now,
                float(len(minutes)),
                float(len(mine)),
                100 * mine["throttled"].mean(),
                peaks[0],
                minutes["size"].quantile(0.95),
                pd.Series(100 * use[:, 0]).max(),
                peaks[1],
                minutes["sum"].quantile(0.95),
                pd.Series(100 * use[:, 1]).max(),
                peaks[2],
                pd.Series(100 * daily_use).max(),
                float((use >= 1).any(axis=1).sum()),
                bool((100 * use >= NEAR).any() or (100 * daily_use >= NEAR).any()),
                bool((100 * np.array(peaks) >= NEAR * now).any()),
            ]
        )
    names = [
        *(f"{name}_limit" for name in LIMITS),
        *("active_minutes", "request_count", "throttle_rate_pct", "requests_per_minute_peak"),
        *("requests_per_minute_p95", "requests_per_minute_use_pct", "tokens_per_minute_peak"),
        *("tokens_per_minute_p95", "tokens_per_minute_use_pct", "tokens_per_day_peak"),
        *("tokens_per_day_use_pct", "minutes_at_limit", "is_near_limit", "is_upgrade_candidate"),
    ]
    expected = pd.DataFrame(rows, columns=[*KEY, *names]).set_index(KEY)
    for flag in ("is_near_limit", "is_upgrade_candidate"):
        assert set(expected[flag]) == {True, False}
        expected[flag] = expected[flag].astype(object)
    assert (expected["is_near_limit"] != expected["is_upgrade_candidate"]).any()
    assert expected["requests_per_minute_limit"].isna().any()
    same(mart(small, "quota_pressure", KEY), expected)


@pytest.fixture(scope="module")
def asked(small: Settings, company: Company) -> pd.DataFrame:
    """Requests for other limits, with the instant at which each was closed by the as-of day.

    A row that is exported again with the status it had closes nothing anew, and one that was
    corrected at its own instant was no state.
    """
    key = [*KEY, "create_datetime"]
    rows = Bronze(small).latest(
        "quota_customer_rate_limit_requests", [*key, "last_updated"], ["loaded_at"]
    )
    rows = rows.sort_values("last_updated", kind="stable")
    is_change = rows["status"] != rows.groupby(key, dropna=False)["status"].shift()
    rows["run"] = is_change.groupby([rows[name] for name in key], dropna=False).cumsum()
    since = rows.groupby([*key, "run"], dropna=False)["last_updated"].transform("min")
    closed = rows["status"].isin(["approved", "rejected", "cancelled"]) & (since < company.end)
    rows["closed"] = since.where(closed)
    rows = rows[rows["create_datetime"] < company.end]
    rows = rows.drop_duplicates(key, keep="last").reset_index(drop=True)
    rows["limit_type"] = known(rows["limit_type"]).str.lower().replace("unknown", "Unknown")
    return rows


def test_requests_by_week(small, company, asked) -> None:
    rows = []
    for limit_type, mine in asked.groupby("limit_type"):
        first = period_starts(mine["create_datetime"], "week").min()
        for week in pd.date_range(first, company.as_of, freq="7D"):
            end = min(week + 7 * DAY, company.end)
            new = mine["create_datetime"].between(week, end, inclusive="left").sum()
            closed = mine[mine["closed"].between(week, end, inclusive="left")]
            decided = closed[closed["status"] != "cancelled"]
            hours = (decided["closed"] - decided["create_datetime"]) / HOUR
            before = mine["create_datetime"] < end
            waiting = mine[before & ~(mine["closed"] < end)]
            age = (end - waiting["create_datetime"].min()) / HOUR if len(waiting) else np.nan
            approved = (decided["status"] == "approved").sum()
            rate = 100 * approved / len(decided) if len(decided) else np.nan
            counts = [new, len(decided), approved, len(closed) - len(decided), len(waiting)]
            times = [age, hours.median(), hours.quantile(0.9)]
            rows.append([limit_type, week, *counts, *times, rate])
    key = ["limit_type", "week_start"]
    names = ["requested_count", "decided_count", "approved_count", "cancelled_count", "open_count"]
    names += ["oldest_open_hours", "hours_to_decision_p50", "hours_to_decision_p90"]
    expected = pd.DataFrame(rows, columns=[*key, *names, "approval_rate_pct"]).set_index(key)
    found = mart(small, "quota_request_weekly", key)
    assert found["requested_count"].sum() == len(asked)
    same(found, expected.astype(float))


def test_backlog_is_what_waits(small, company, asked) -> None:
    waiting = asked[asked["closed"].isna()]
    assert {"approved", "Pending"} <= set(waiting["status"])
    backlog = frame(small, "select account_id, age_hours from mart_gold.quota_request_backlog")
    ages = (company.end - waiting["create_datetime"]) / HOUR
    assert sorted(backlog["age_hours"].astype(float).round(3)) == sorted(ages.round(3))
    weekly = frame(
        small,
        "select sum(open_count) from mart_gold.quota_request_weekly where week_start = "
        "(select max(week_start) from mart_gold.quota_request_weekly)",
    )
    assert weekly.iloc[0, 0] == len(waiting)
