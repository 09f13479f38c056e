"""The token usage marts against pandas: every column again, from the delivered requests."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.tables import DAY, known, period_starts
from tests.metrics.warehouse import NewDatabase, chapter12_gold, frame

from o2r.settings import Settings

COUNTS = ["request_count", "error_count", "throttled_count", "unavailable_count"]
KINDS = ["input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"]
RATES = {"requests": "request_count", "tokens": "total_tokens"}


class Mart(NamedTuple):
    """One of the six marts."""

    entity: str
    period: str
    start: str

    @property
    def name(self) -> str:
        return f"token_usage_{self.entity}_{self.period}"

    @property
    def key(self) -> str:
        return "model_variant" if self.entity == "model" else "account_id"


STARTS = {"weekly": "week_start", "monthly": "month_start", "ytd": "fiscal_year_start"}
MARTS = [
    Mart(entity, period, start)
    for entity in ("model", "customer")
    for period, start in STARTS.items()
]


class Spans:
    """The days that a period covers, and those that it compares with."""

    def __init__(self, company: Company, period: str):
        self.first, self.end, self.period = company.first_day["requests"], company.end, period

    def starts(self, days: pd.Series) -> pd.Series:
        if self.period == "ytd":
            year = days.dt.normalize().map(lambda day: day.replace(month=1, day=1))
            return year.where(days.dt.year == (self.end - DAY).year)
        return period_starts(days, {"weekly": "week", "monthly": "month"}[self.period])

    def __call__(self, start: pd.Timestamp) -> dict[str, object]:
        """Of the period that begins on `start`: its observed days, and the span before it."""
        if self.period == "weekly":
            stop, before = start + 7 * DAY, start - 7 * DAY
        elif self.period == "monthly":
            stop, before = start + pd.DateOffset(months=1), start - pd.DateOffset(months=1)
        else:
            stop, before = start + pd.DateOffset(years=1), start - pd.DateOffset(years=1)
        complete = stop <= self.end and (self.first <= start or self.period == "ytd")
        until = start
        if self.period == "ytd" and not complete:
            until = self.end - DAY - pd.DateOffset(years=1) + DAY
        return {
            "observed_from_date": max(start, self.first),
            "observed_to_date": min(stop, self.end) - DAY,
            "is_complete": complete,
            "before": (before, until),
            "comparable": self.first <= before and (complete or self.period == "ytd"),
        }


def requests_of(company: Company) -> pd.DataFrame:
    calls = company.calls
    rows = pd.DataFrame(
        {
            "model_variant": known(calls["model_variant"]),
            "account_id": calls["account_id"],
            "at": calls["at"],
            "request_count": 1.0,
            "error_count": calls["failed"],
            "throttled_count": calls["throttled"],
            "unavailable_count": calls["unavailable"],
            "total_tokens": calls["tokens"],
        }
    )
    return rows.join(calls[KINDS].fillna(0))


def load_per_minute(rows: pd.DataFrame) -> dict[str, float]:
    minutes = rows.groupby(rows["at"].dt.floor("min"))[list(RATES.values())].sum()
    found: dict[str, float] = {"active_minutes": len(minutes)}
    for name, column in RATES.items():
        load = minutes[column].to_numpy()
        mean = load.mean()
        found[f"{name}_per_minute_mean"] = mean
        for percent in (90, 95, 97):
            found[f"{name}_per_minute_p{percent}"] = np.percentile(load, percent)
        found[f"{name}_per_minute_peak"] = load.max()
        found[f"{name}_peak_to_mean_ratio"] = load.max() / mean if mean else np.nan
    return found


def load_per_day(rows: pd.DataFrame) -> dict[str, float]:
    days = rows.groupby(rows["at"].dt.normalize())[list(RATES.values())].sum()
    found: dict[str, float] = {"active_days": len(days)}
    for name, column in RATES.items():
        found[f"daily_{name}_mean"] = days[column].mean()
        found[f"daily_{name}_max"] = days[column].max()
        found[f"daily_{name}_min"] = days[column].min()
    return found


def change(rows: pd.DataFrame, history: pd.DataFrame, span: dict) -> dict[str, float]:
    found: dict[str, float] = {}
    since, until = span["before"]
    previous = history[(history["at"] >= since) & (history["at"] < until)]
    for column in RATES.values():
        before = float(previous[column].sum()) if span["comparable"] else np.nan
        more = rows[column].sum() - before
        found[f"previous_{column}"] = before
        found[f"{column}_change"] = more
        found[f"{column}_change_pct"] = 100 * more / before if before else np.nan
    return found


def measures(company: Company, mart: Mart) -> pd.DataFrame:
    """One row per entity and period, without attributes, ranks and shares."""
    requests, spans = requests_of(company), Spans(company, mart.period)
    requests["start"] = spans.starts(requests["at"])
    other = "account_id" if mart.entity == "model" else "model_variant"
    table = []
    for entity, history in requests.groupby(mart.key):
        for start, rows in history.groupby("start"):
            span = spans(start)
            row = {mart.key: entity, mart.start: start} | span
            row |= rows[[*COUNTS, *KINDS, "total_tokens"]].sum().to_dict()
            row["account_count" if mart.entity == "model" else "model_count"] = len(
                set(rows[other])
            )
            row["observed_days"] = (span["observed_to_date"] - span["observed_from_date"]).days + 1
            row |= load_per_minute(rows) | load_per_day(rows) | change(rows, history, span)
            table.append(row)
    result = pd.DataFrame(table).drop(columns=["before", "comparable"])
    result["error_rate_pct"] = 100 * result["error_count"] / result["request_count"]
    result["throttle_rate_pct"] = 100 * result["throttled_count"] / result["request_count"]
    result["possible_minutes"] = 24 * 60 * result["observed_days"]
    result["active_minutes_pct"] = 100 * result["active_minutes"] / result["possible_minutes"]
    for name, column in RATES.items():
        result[f"{name}_per_calendar_minute_mean"] = result[column] / result["possible_minutes"]
    return result


def with_ranks(table: pd.DataFrame, mart: Mart, groups: dict[str, str]) -> pd.DataFrame:
    """Count, for each row, who has more tokens, and add up who has as many."""
    for index, row in table.iterrows():
        peers = table[table[mart.start] == row[mart.start]]
        tokens, own = peers["total_tokens"], row["total_tokens"]
        everything = tokens.sum() or np.nan
        table.loc[index, "rank_overall"] = (tokens > own).sum() + 1
        table.loc[index, "tokens_share_pct"] = 100 * own / everything
        table.loc[index, "cumulative_share_pct"] = 100 * tokens[tokens >= own].sum() / everything
        for column, group in groups.items():
            near = tokens[peers[group] == row[group]]
            table.loc[index, column] = (near > own).sum() + 1
    return table


def models_again(company: Company, mart: Mart) -> pd.DataFrame:
    configured = company.models[company.models["snapshot_date"] <= company.as_of]
    newest = configured.sort_values(["snapshot_date", "loaded_at"])
    newest = newest.drop_duplicates("model_variant", keep="last").set_index("model_variant")
    table = measures(company, mart)
    for column in ("display_name", "publisher", "model_family", "task"):
        table[column] = known(table["model_variant"].map(newest[column]))
    table["is_open_source"] = table["model_variant"].map(newest["is_open_source"])
    return with_ranks(table, mart, {"rank_in_family": "model_family"})


def customers_again(company: Company, mart: Mart) -> pd.DataFrame:
    newest = company.changes.sort_values("at").drop_duplicates("account_id", keep="last")
    newest = newest.set_index("account_id")
    newest["home_region"] = newest["country"].str.upper().map(company.country_regions)
    table = measures(company, mart)
    for column in ("account_name", "segment", "plan_tier", "vertical", "home_region"):
        table[column] = known(table["account_id"].map(newest[column]))
    versions = company.changes.sort_values("at")
    for column in ("segment", "plan_tier"):
        table[f"{column}_as_of_period_end"] = [
            version_at(versions, account, column, last_day + DAY)
            for account, last_day in zip(
                table["account_id"], table["observed_to_date"], strict=True
            )
        ]
    ranks = {"segment": "segment", "vertical": "vertical", "region": "home_region"}
    return with_ranks(table, mart, {f"rank_in_{name}": column for name, column in ranks.items()})


def version_at(versions: pd.DataFrame, account: str, column: str, instant: pd.Timestamp) -> str:
    """The attribute before an instant; Unknown before the first version."""
    own = versions[versions["account_id"] == account]
    earlier = own[own["at"] < instant]
    found = earlier[column].tail(1).tolist()
    return found[0] if found and found[0] is not None else "Unknown"


AGAIN: dict[str, Callable[[Company, Mart], pd.DataFrame]] = {
    "model": models_again,
    "customer": customers_again,
}


def assert_equal_to_gold(settings: Settings, company: Company, mart: Mart) -> None:
    gold = frame(settings, f"select * from mart_gold.{mart.name}")
    again = AGAIN[mart.entity](company, mart)
    assert set(gold.columns) == set(again.columns)
    keys = [mart.key, mart.start]
    dates = [mart.start, "observed_from_date", "observed_to_date"]
    gold[dates] = gold[dates].apply(pd.to_datetime)
    both = gold.merge(again, on=keys, how="outer", suffixes=("_gold", "_again"), indicator=True)
    alone = both.loc[both["_merge"] != "both", [*keys, "_merge"]]
    assert alone.empty, alone.head(10)
    for column in sorted(set(gold.columns) - set(keys)):
        one, other = both[f"{column}_gold"], both[f"{column}_again"]
        if pd.api.types.is_numeric_dtype(other) and not pd.api.types.is_bool_dtype(other):
            same = np.isclose(
                one.astype(float), other.astype(float), rtol=1e-9, atol=6e-7, equal_nan=True
            )
        else:
            same = (one == other) | (one.isna() & other.isna())
        wrong = both.loc[~same, [*keys, f"{column}_gold", f"{column}_again"]]
        assert wrong.empty, f"{len(wrong)} of {len(both)} differ in {column}:\n{wrong.head(10)}"


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_mart_equals_its_recomputation(small: Settings, company: Company, mart: Mart) -> None:
    assert_equal_to_gold(small, company, mart)


@pytest.mark.parametrize("mart", MARTS, ids=lambda mart: mart.name)
def test_mart_equals_its_recomputation_on_chapter_12(new_database: NewDatabase, mart: Mart) -> None:
    chapter12 = chapter12_gold(new_database)
    assert_equal_to_gold(chapter12, Company(chapter12), mart)


def test_the_company_exercises_the_hard_cases(small: Settings) -> None:
    """Without these, agreement above would prove little."""
    counts = frame(
        small,
        """
        select
            (select count(*) from mart_gold.token_usage_customer_weekly
                where previous_request_count = 0) as after_a_gap,
            (select count(*) from mart_gold.token_usage_customer_weekly
                where segment <> segment_as_of_period_end) as resegmented,
            (select count(*) from mart_gold.token_usage_customer_weekly
                where not is_complete) as running,
            (select count(*) from mart_gold.token_usage_customer_weekly
                where account_id = 'Unknown') as nameless,
            (select count(*) from mart_gold.token_usage_model_weekly
                where model_family = 'Unknown') as unconfigured,
            (select count(*) from (
                select 1 from intermediate_silver.int_token_usage_minute
                group by model_variant, usage_minute_at having count(distinct account_id) > 1
            ) as minutes) as minutes_of_several_accounts,
            (select count(*) from (
                select 1 from intermediate_silver.int_token_usage_minute
                group by account_id, usage_minute_at having count(*) > 1
            ) as minutes) as minutes_of_several_rows
        """,
    ).iloc[0]
    assert (counts > 0).all(), counts
