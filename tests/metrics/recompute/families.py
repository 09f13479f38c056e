"""RFM scores and interests, from bronze, customer by customer."""

from collections.abc import Iterable
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import DAY, known

FREQUENCY_DAYS, CUSTOMER_DAYS, NEW_DAYS = 90, 365, 90
INTEREST_DAYS, MIN_Z, TOP = 90, 1, 5


def segment(recency: int, frequency: int, monetary: int, is_new: bool | None) -> str:
    """The grid of segments, said once more: the first that holds."""
    lines = {
        "Champions": min(recency, frequency, monetary) >= 4,
        "Loyal": recency >= 3 and frequency >= 4,
        "At Risk": recency <= 2 and max(frequency, monetary) >= 4,
        "New": recency >= 4 and frequency <= 2 and bool(is_new),
        "Potential Loyalist": recency >= 4 and frequency >= 2,
        "Hibernating": max(recency, frequency) <= 2,
        "Need Attention": True,
    }
    return next(name for name, holds in lines.items() if holds)


def fifths(values: pd.Series) -> list[int]:
    """1 to 5 by the share of the others that are smaller."""
    smaller = [sum(other < value for other in values) for value in values]
    return [min(5, 1 + 5 * count // (len(values) - 1)) for count in smaller]


def last_signs_of_life(company: Company) -> pd.Series:
    """Newest day with a request, login, use of a feature or start of a paying contract."""
    events = company.events
    events = events[events["event_type"].str.lower().isin(["login", "feature_used"])]
    contracts = company.contracts
    value = contracts["mrr"].fillna(contracts["arr"] / 12).fillna(0)
    rated = contracts["currency"].str.upper().isin(company.seed("exchange_rates")["currency_code"])
    active = contracts["status"].str.lower() == "active"
    contracts = contracts[active & (value > 0) & rated].copy()
    contracts["at"] = contracts[["at", "start_date"]].max(axis=1)
    contracts = contracts[contracts["at"] < company.end]
    both = pd.concat([rows[["account_id", "at"]] for rows in (company.requests, events, contracts)])
    return both.groupby("account_id")["at"].max().dt.normalize()


def rfm(company: Company, subscriptions: Subscriptions) -> pd.DataFrame:
    """rfm_scores, index account_id; money in millionths."""
    events = company.events
    counted = events["event_type"].str.lower().isin(["login", "feature_used"])
    recent = events["at"] >= company.end - FREQUENCY_DAYS * DAY
    table = pd.DataFrame(index=[name for name in company.accounts.index if name != "Unknown"])
    days = (company.as_of - last_signs_of_life(company)) / DAY
    table["recency_days"] = days.reindex(table.index)
    table["frequency"] = events[counted & recent].groupby("account_id").size()
    table["frequency"] = table["frequency"].fillna(0)
    money: dict[str, int] = {}
    for _, state in subscriptions.contracts(company.end):
        if state.pays:
            money[state.account] = money.get(state.account, 0) + state.value
    table["monetary"] = pd.Series(money).reindex(table.index).fillna(0)
    tenure = (company.as_of - company.accounts["signed_up"]) / DAY
    table["tenure_days"] = tenure.where(tenure >= 0).reindex(table.index)
    table = table[(table["monetary"] > 0) | (table["recency_days"] < CUSTOMER_DAYS)].copy()
    silence = table["recency_days"].fillna(np.inf)
    best = [6 - fifth for fifth in fifths(silence)]
    table["recency_score"] = np.where(np.isinf(silence), 1, best)
    table["frequency_score"] = fifths(table["frequency"])
    table["monetary_score"] = fifths(table["monetary"])
    table["rfm_segment"] = [
        segment(row.recency_score, row.frequency_score, row.monetary_score, is_new)
        for row, is_new in zip(table.itertuples(), table["tenure_days"] <= NEW_DAYS, strict=True)
    ]
    return table


def interests(counts: pd.DataFrame, who: str, what: str) -> pd.DataFrame:
    """Interests of each `who`; counts: one row per event."""
    table = counts.groupby([who, what]).size().unstack(fill_value=0)
    deviation = table.std(ddof=0)
    scores = ((table - table.mean()) / deviation.where(deviation > 0)).round(6)
    rows = pd.DataFrame({"event_count": table.stack(), "z_score": scores.stack()})
    rows["mean_events"] = table.mean().reindex(rows.index.get_level_values(1)).to_numpy()
    rows = rows[rows["z_score"] > MIN_Z].reset_index()
    rows = rows.sort_values(
        [who, "z_score", "event_count", what], ascending=[True, False, False, True]
    )
    rows["interest_rank"] = rows.groupby(who).cumcount() + 1
    return rows[rows["interest_rank"] <= TOP].set_index([who, what])


def features_used(company: Company) -> pd.DataFrame:
    """Uses of features of the last days by accounts that are known."""
    rows = company.events
    rows = rows[rows["event_type"].str.lower() == "feature_used"]
    rows = rows[rows["at"] >= company.end - INTEREST_DAYS * DAY]
    return rows[rows["account_id"].notna() & (known(rows["feature_name"]) != "Unknown")]


def pages_seen(
    company: Company, events: pd.DataFrame, persons: pd.Series, shared: Iterable[str]
) -> pd.DataFrame:
    """Pages of the last days. events: of bronze; persons: by event, as gold resolves them."""
    at = events["event_timestamp"]
    rows = events[(at >= company.end - INTEREST_DAYS * DAY) & (at < company.end)].copy()
    rows["person_id"] = rows["event_id"].map(persons)
    rows = rows[rows["page_url"].notna() & rows["person_id"].notna()]
    rows["page_path"] = [urlsplit(url).path.rstrip("/") or "/" for url in rows["page_url"]]
    return rows[~rows["person_id"].isin(set(shared)) & ~rows["page_path"].str.contains("@|%40")]
