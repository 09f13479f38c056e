"""Bronze rows as data frames, and the shapes that metrics share."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from o2r.settings import Settings
from o2r.warehouse import connect

KEYS = ["metric", "grain", "period_start", "dimension", "dimension_value"]
PERIOD = ["grain", "period_start"]
MEMBER = ["dimension", "dimension_value"]
ACCOUNT_DIMENSIONS = ("plan_tier", "segment", "region")
DAY = pd.Timedelta(days=1)
WEEKS_PER_MONTH, LIFETIME_MONTHS = 4.33, 24
ADOPTION_DAYS, ADOPTION_TOKENS, FLOW_DAYS = 91, 1000, 7
SIGN_DAYS = 90
ANNUAL_TARGET = 20_000_000

Metrics = Iterable[pd.DataFrame]


class Bronze:
    """Delivered rows, newest version per business key."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def all(self, table: str) -> pd.DataFrame:
        connection = connect(self._settings, read_only=True)
        with connection.cursor() as cursor:
            cursor.execute(f"select * from raw_bronze.{table}")
            names = [column.name for column in cursor.description]
            rows = pd.DataFrame(cursor.fetchall(), columns=names)
            types = [column.type_code for column in cursor.description]
        connection.close()
        for name, oid in zip(names, types, strict=True):
            if oid == 1184:  # timestamptz, told in UTC
                rows[name] = pd.to_datetime(rows[name], utc=True).dt.tz_localize(None)
            elif oid == 1082:  # date
                rows[name] = pd.to_datetime(rows[name])
            elif oid in (20, 23, 1700):  # bigint, integer, numeric
                rows[name] = rows[name].astype(float)
            elif oid == 25:  # text: blanks say nothing
                stripped = rows[name].astype("object").map(str.strip, na_action="ignore")
                rows[name] = stripped.where(stripped.notna() & (stripped != ""), None)
        return rows

    def latest(self, table: str, key: list[str], newest: list[str]) -> pd.DataFrame:
        rows = self.all(table)
        for name in {"currency_code"} & set(key):
            rows[name] = rows[name].str.upper()
        rows = rows.sort_values(newest, kind="stable")
        return rows.drop_duplicates(key, keep="last").reset_index(drop=True)


def segments(accounts: pd.DataFrame) -> pd.Series:
    """The CRM's segment, else one by employees and plan tier; None where neither is known."""
    tier = accounts["plan_tier"].astype("object").str.lower()
    employees = accounts["employee_count"].astype(float)
    derived = np.select(
        [
            tier.isna() & employees.isna(),
            (tier == "enterprise") | (employees > 500),
            (tier == "growth") | (employees > 50),
        ],
        [None, "enterprise", "mid_market"],
        "smb",
    )
    derived = pd.Series(derived, accounts.index, dtype="object")
    return accounts["segment"].where(accounts["segment"].notna(), derived)


def known(column: pd.Series) -> pd.Series:
    """Text with 'Unknown' where nothing is said."""
    return column.astype("object").where(column.notna(), "Unknown")


def period_starts(days: pd.Series, grain: str) -> pd.Series:
    """First day of the ISO week or the month of each day."""
    days = days.dt.normalize()
    if grain == "week":
        return days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    return days - pd.to_timedelta(days.dt.day - 1, unit="D")


def by_period(rows: pd.DataFrame, day: str) -> pd.DataFrame:
    """Each row twice: in its week and in its month."""
    return pd.concat(
        [
            rows.assign(grain=grain, period_start=period_starts(rows[day], grain))
            for grain in ("week", "month")
        ],
        ignore_index=True,
    )


def by_member(rows: pd.DataFrame, dimensions: Iterable[str]) -> pd.DataFrame:
    """Each row once for the total and once for each dimension, with its member of it."""
    parts = [rows.assign(dimension="all", dimension_value="all")]
    parts += [rows.assign(dimension=name, dimension_value=rows[name]) for name in dimensions]
    return pd.concat(parts, ignore_index=True)


def metric(name: str, rows: pd.DataFrame, value, numerator=np.nan, denominator=np.nan):
    """Rows of one metric; value, numerator and denominator are aligned with `rows`."""
    columns = {"value": value, "numerator": numerator, "denominator": denominator}
    return rows[PERIOD + MEMBER].assign(
        metric=name, **{k: pd.Series(v, rows.index, dtype=float) for k, v in columns.items()}
    )


def share(name: str, rows: pd.DataFrame, numerator: str, denominator: str, factor: float = 100.0):
    """A ratio metric: factor * numerator / denominator, absent where the denominator is 0."""
    below = rows[denominator].astype(float).where(rows[denominator] != 0)
    return metric(name, rows, factor * rows[numerator] / below, rows[numerator], rows[denominator])


def plain(name: str, rows: pd.DataFrame, column: str):
    """A sum or a count, which is its own numerator."""
    return metric(name, rows, rows[column], rows[column])


def merge_intervals(starts: Iterable, ends: Iterable) -> list[tuple]:
    """Union of intervals as disjoint ones in order."""
    merged: list[list] = []
    for start, end in sorted(zip(starts, ends, strict=True)):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return [tuple(interval) for interval in merged]


def on_spine(periods: pd.DataFrame, members: pd.DataFrame, sums: pd.DataFrame) -> pd.DataFrame:
    """Every period with every member of its grain, sums joined, gaps 0."""
    spine = periods.merge(members, on="grain")
    return spine.merge(sums, on=PERIOD + MEMBER, how="left").fillna(
        {name: 0 for name in sums.columns if name not in PERIOD + MEMBER}
    )
