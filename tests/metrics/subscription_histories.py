"""A file of random subscription histories, with all that histories of subscriptions can hold.

Gaps, returns, overlaps, changes on one day, four currencies, ends before starts, ends moved and
withdrawn, starts recorded late, corrected and set for new terms, notice, trials kept and left, rows
that tell only what changed, values of 0, years in place of months, accounts that the CRM does not
know, moves between tiers, late corrections (of the status too) and repeats.
"""

from pathlib import Path

import numpy as np
import pandas as pd

AS_OF = "2025-06-17"
FIRST, LAST = pd.Timestamp("2023-01-03"), pd.Timestamp("2025-07-20")  # also after AS_OF
DAY = pd.Timedelta(days=1)
TIERS, SEGMENTS = ("Starter", "Growth", "Enterprise", " "), ("Commercial", "Strategic", None)
COLUMNS = [
    *("subscription_id", "event_timestamp", "crm_account_id", "plan_name", "plan_type", "mrr"),
    *("arr", "currency", "status", "start_date", "renewal_date", "cancellation_date"),
]


BLANKED = ("plan_name", "plan_type", "mrr", "currency", "start_date", "renewal_date")


class Writer:
    """Draws histories one after the other; the same seed gives the same ones."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def one_of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def instant(self, first: pd.Timestamp, last: pd.Timestamp) -> pd.Timestamp:
        """Often the first instant of a month, or the second before it."""
        found = first + self.rng.random() * max(last - first, DAY)
        found = found.floor("s")
        if self.chance(0.15):
            found = (found + pd.offsets.MonthBegin(1)).normalize()
            if self.chance(0.5):
                found -= pd.Timedelta(seconds=1)
        return found

    def money(self) -> dict:
        amount = float(self.rng.integers(1, 90_000)) / 100
        kind = self.rng.random()
        if kind < 0.06:
            return {"mrr": 0}
        if kind < 0.10:
            return {"mrr": None, "arr": None}
        if kind < 0.25:
            return {"mrr": None, "arr": amount * 10}
        return {"mrr": amount, "arr": 12 * amount}

    def history(self, number: int, account: str) -> list[dict]:
        """Events of one contract, in the order in which they happened."""
        at = self.instant(FIRST, LAST - 20 * DAY)
        terms = {
            "subscription_id": f"sub-{number:04d}",
            "crm_account_id": account,
            "plan_name": "Plan",
            "plan_type": self.one_of("monthly", "annual", "Annual", None),
            "currency": self.one_of("USD", "EUR", "eur ", "GBP", "JPY"),
            **self.money(),
        }
        events = []
        if self.chance(0.25):
            events.append({**terms, "event_timestamp": at, "status": "trial", "start_date": at})
            if self.chance(0.3):  # never becomes a contract
                if self.chance(0.7):
                    end = at + self.rng.integers(1, 90) * DAY
                    cancelled = self.one_of(end, end + 30 * DAY, None)
                    last = {"event_timestamp": end, "cancellation_date": cancelled}
                    events.append({**events[0], **last, "status": "cancelled"})
                return events
            at += self.one_of(0, 0, 14, 30) * DAY
        start = self.one_of(at, at, None, at - 40 * DAY, at + self.rng.integers(1, 70) * DAY)
        lives = 1 + self.chance(0.25)
        for life in range(lives):
            if life:
                start = self.one_of(start, at, None)
            renewal = self.one_of(None, at + 30 * DAY, at + 365 * DAY, at - 400 * DAY)
            terms |= {"start_date": start, "renewal_date": renewal}
            for _ in range(1 + self.rng.integers(0, 4)):
                events.append({**terms, "event_timestamp": at, "status": "active"})
                terms |= self.money() if self.chance(0.8) else {}
                at = self.one_of(
                    at + pd.Timedelta(hours=int(self.rng.integers(1, 9))),
                    self.instant(at, at + 200 * DAY),
                    self.instant(at, at + 200 * DAY),
                )
            if life + 1 < lives or self.chance(0.55):
                for _ in range(1 + self.chance(0.3)):  # the end is moved
                    end = self.one_of(None, at, at + self.rng.integers(1, 80) * DAY, at - 45 * DAY)
                    end = at - 300 * DAY if self.chance(0.1) else end
                    event = {"event_timestamp": at, "cancellation_date": end}
                    events.append({**terms, **event, "status": self.one_of("cancelled", "expired")})
                    at = self.instant(at + DAY, at + 40 * DAY)
            at = self.instant(at, at + 150 * DAY)
        return [events[0], *(self.change(event) for event in events[1:])]

    def change(self, event: dict) -> dict:
        """The same event with another start now and then, and blanks for what did not change."""
        at = event["event_timestamp"]
        if self.chance(0.15):
            start = self.one_of(at - 40 * DAY, at - 5 * DAY, at + 30 * DAY, at - 200 * DAY)
            event = {**event, "start_date": start}
        if event["status"] == "active" and self.chance(0.1):
            event = {**event, "cancellation_date": at + self.rng.integers(1, 90) * DAY}
        if self.chance(0.3):
            names = [name for name in BLANKED if self.chance(0.5)]
            if names and "mrr" in names:
                names.append("arr")
            event = {**event, **dict.fromkeys(names)}
        return event

    def account(self, name: str) -> list[dict]:
        """Versions of an account of the CRM."""
        signup = self.instant(FIRST - 300 * DAY, LAST)
        versions = []
        for at in sorted({signup, *(self.instant(signup, LAST) for _ in range(3))}):
            versions.append(
                {
                    "account_id": name,
                    "account_name": f"Company {name}",
                    "plan_tier": self.one_of(*TIERS),
                    "segment": self.one_of(*SEGMENTS),
                    "country": self.one_of("DE", "us", "JP", None, "XX"),
                    "owner": "Someone",
                    "is_active": self.one_of(True, True, True, None, False),
                    "date_created": None if name.endswith("7") else signup,
                    "date_updated": at,
                }
            )
        return versions


def write_histories(folder: Path, histories: int, seed: int) -> None:
    """Two deliveries: subscriptions and accounts, then corrections and repeats of the former."""
    writer = Writer(seed)
    accounts = [f"acc-{number}" for number in range(histories * 2 // 5)]
    events = [
        event
        for number in range(histories)
        for event in writer.history(number, writer.one_of(*accounts))
    ]
    table = pd.DataFrame(events, columns=COLUMNS).sample(frac=1, random_state=seed)
    versions = [version for name in accounts[histories // 20 :] for version in writer.account(name)]
    late = table.sample(n=histories // 10, random_state=seed + 1).copy()
    half = len(late) // 2
    late.iloc[:half, late.columns.get_loc("mrr")] = 123.45
    wrong = late.iloc[:half:3].index  # the status was wrong too
    late.loc[wrong, "status"] = late.loc[wrong, "status"].map(
        {"cancelled": "active", "expired": "active", "active": "cancelled", "trial": "active"}
    )
    first, second = folder / "1", folder / "2"
    for path in (first, second):
        path.mkdir(parents=True)
    table.to_csv(first / "subscriptions.csv", index=False)
    pd.DataFrame(versions).to_csv(first / "customer_details.csv", index=False)
    late.to_csv(second / "subscriptions.csv", index=False)
