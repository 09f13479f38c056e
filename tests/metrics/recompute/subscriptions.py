"""Recurring revenue, retention, cohorts, renewals and stages of life, from bronze, event by event.

Amounts are whole millionths of a dollar, so that every sum is exact; instants are naive UTC.
"""

import calendar
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from tests.metrics.recompute.contracts import Life, spans_of
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    DAY,
    MEMBER,
    SIGN_DAYS,
    Bronze,
    by_member,
    segments,
)

from o2r.settings import Settings

TERMS = {"monthly": 1, "annual": 12}
ONBOARDING_DAYS, GROWING_DAYS, SMALL_COHORT = 90, 365, 10
FLOWS = ("new", "reactivation", "expansion", "contraction", "churn")
SIX = Decimal("0.000001")


def six(amount: Decimal) -> Decimal:
    return amount.quantize(SIX, ROUND_HALF_UP)


def later(day: date, months: int) -> date:
    """The same day of the month `months` later, or the last one that exists."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class State:
    """What an event says of its contract. value: millionths of a dollar per month."""

    account: str
    plan: str | None
    rhythm: str | None
    trial: bool
    value: int
    starts: pd.Timestamp
    renews: pd.Timestamp | None
    ends: pd.Timestamp | None

    @property
    def pays(self) -> bool:
        return self.value > 0 and not self.trial


class Span(NamedTuple):
    """A state of a contract and the instants after and up to which it is in force."""

    begin: pd.Timestamp
    end: pd.Timestamp
    state: State


class Subscriptions:
    """What the contracts in bronze come to as of the end of a day."""

    def __init__(self, settings: Settings, as_of: date):
        self._bronze = Bronze(settings)
        self._seeds = Path(settings.dbt_dir) / "seeds"
        self.as_of = pd.Timestamp(as_of)
        self.end = self.as_of + DAY
        self._spines: dict[str, pd.DataFrame] = {}
        self._spans: dict[pd.Timestamp, dict[str, list[Span]]] = {}

    @cached_property
    def rates(self) -> dict[str, list[tuple[pd.Timestamp, Decimal]]]:
        rates = defaultdict(list)
        table = pd.read_csv(self._seeds / "exchange_rates.csv", dtype=str).sort_values("valid_from")
        for currency, day, rate in table.itertuples(index=False):
            rates[currency].append((pd.Timestamp(day), Decimal(rate)))
        return rates

    @cached_property
    def events(self) -> dict[str, list[dict]]:
        """Events of each contract, newest delivery of each, None for what they leave blank."""
        rows = self._bronze.latest(
            "subscriptions", ["subscription_id", "event_timestamp"], ["loaded_at"]
        )
        found = defaultdict(list)
        for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
            amount = row["mrr"]
            if amount is None and row["arr"] is not None:
                amount = Decimal(str(row["arr"])) / 12
            found[row["subscription_id"]].append(
                {name: row[name] for name in ("start_date", "renewal_date", "cancellation_date")}
                | {
                    "at": row["event_timestamp"],
                    "account": row["crm_account_id"],
                    "status": row["status"].lower(),
                    "plan_name": row["plan_name"],
                    "plan_type": row["plan_type"] and row["plan_type"].lower(),
                    "amount": None if amount is None else six(Decimal(str(amount))),
                    "currency": row["currency"] and row["currency"].upper(),
                }
            )
        return found

    def spans(self, known_at: pd.Timestamp) -> dict[str, list[Span]]:
        """What was ever in force of each contract, as known just before an instant."""
        if known_at not in self._spans:
            self._spans[known_at] = {
                contract: [
                    Span(begin, end, self._state(event, trial, life))
                    for begin, end, event, trial, life in spans_of(
                        event for event in events if event["at"] < known_at
                    )
                ]
                for contract, events in self.events.items()
            }
        return self._spans[known_at]

    @property
    def lives(self) -> dict[str, list[Span]]:
        """The same as known at the end of the as-of day."""
        return self.spans(self.end)

    def _state(self, event: dict, trial: bool, life: Life) -> State:
        rate = Decimal(0)  # what has no currency stands at 0
        for valid_from, found in self.rates[event["currency"] or ""]:
            if valid_from <= life.starts:
                rate = found
        value = int(six((event["amount"] or Decimal(0)) * rate) * 10**6)
        return State(
            event["account"],
            event["plan_name"],
            event["plan_type"],
            trial,
            value,
            life.starts,
            event["renewal_date"],
            life.ends,
        )

    def contracts(
        self, instant: pd.Timestamp, known_at: pd.Timestamp | None = None
    ) -> Iterable[tuple[str, State]]:
        """Contracts in force at an instant, trials and free ones included."""
        for contract, spans in self.spans(known_at or self.end).items():
            for begin, end, state in spans:
                if begin < instant <= end:
                    yield contract, state

    @cached_property
    def plans(self) -> dict[str, list[tuple[pd.Timestamp, pd.Timestamp, int]]]:
        """(from, to, rank of the tier) of the contracts that name a plan tier, by account."""
        found = defaultdict(list)
        for span in (span for spans in self.lives.values() for span in spans):
            rank = self.tiers.get(str(span.state.plan).lower())
            if rank and not span.state.trial and span.begin < min(span.end, self.end):
                found[span.state.account].append((span.begin, span.end, rank))
        return found

    @cached_property
    def tiers(self) -> dict[str, int]:
        """Rank of each plan tier, by its name in lower case."""
        table = pd.read_csv(self._seeds / "plan_tiers.csv")
        return dict(zip(table["plan_tier"].str.lower(), table["tier_rank"], strict=True))

    @cached_property
    def crm(self) -> pd.DataFrame:
        """Accounts as of each change in the CRM, where a blank is no change.

        Columns of customer_details; `at`: the change; `said`: when a tier was last named.
        """
        rows = self._bronze.latest(
            "customer_details", ["account_id", "date_updated"], ["loaded_at"]
        )
        rows = rows[rows["date_updated"] < self.end].sort_values("date_updated")
        texts = [name for name in rows if rows[name].dtype == "object"]
        rows["at"] = rows["date_updated"]
        rows["said"] = rows["at"].where(rows["plan_tier"].notna())
        carried = rows.groupby("account_id").ffill()
        rows = carried.assign(account_id=rows["account_id"], at=rows["at"])
        for name in texts:
            rows[name] = rows[name].astype("object").where(rows[name].notna(), None)
        return rows

    @cached_property
    def versions(self) -> pd.DataFrame:
        """Accounts as of each change in the CRM or of the tier that contracts tell, in order.

        Columns as in `crm`; `source` of the plan tier: contract, ended, crm.
        """
        rows = self.crm
        crm = dict(list(rows.groupby("account_id")))
        names = {self.tiers[name.lower()]: name for name in ("Starter", "Growth", "Enterprise")}
        found = []
        for account in {*crm, *self.plans}:
            mine = crm.get(account, rows[:0])
            plans = self.plans.get(account, [])
            instants = {*mine["at"], *(begins for begins, _, _ in plans)}
            instants |= {ends for _, ends, _ in plans if ends < self.end}
            for at in sorted(instants):
                before = mine[mine["at"] <= at]
                row = before.iloc[-1].to_dict() if len(before) else {}
                held = [rank for begins, ends, rank in plans if begins <= at < ends]
                over = [(ends, rank) for _, ends, rank in plans if ends <= at]
                source, tier = "crm", row.get("plan_tier")
                if held:
                    source, tier = "contract", names[max(held)]
                elif over and not row.get("said", pd.NaT) >= max(over)[0]:
                    source, tier = "ended", names[max(over)[1]]
                found.append(
                    row | {"account_id": account, "at": at, "plan_tier": tier, "source": source}
                )
        table = pd.DataFrame(found, columns=[*rows.columns, "source"])
        table["segment"] = segments(table)
        for name in {"segment", *(name for name in rows if rows[name].dtype == "object")}:
            table[name] = table[name].astype("object").where(table[name].notna(), None)
        return table.sort_values("at", kind="stable")

    @cached_property
    def accounts(self) -> dict[str, pd.DataFrame]:
        """Versions of each account known by the as-of day, in order."""
        rows = self.versions.copy()
        regions = pd.read_csv(self._seeds / "country_regions.csv", keep_default_na=False)
        home = dict(zip(regions["country_code"], regions["region"], strict=True))
        rows["region"] = rows["country"].astype("object").str.upper().map(home)
        return dict(list(rows.groupby("account_id")))

    def member(self, account: str, dimension: str, instant: pd.Timestamp) -> str:
        """Of the newest version before the instant; Unknown where there is none yet."""
        if account not in self.accounts:
            return "Unknown"
        versions = self.accounts[account]
        before = versions.loc[versions["at"] < instant, dimension]
        found = before.iloc[-1] if len(before) else None
        return found if isinstance(found, str) else "Unknown"

    def periods(self, grain: str) -> pd.DataFrame:
        """Start, instant after the last observed day, whether over, start a year before."""
        events = [event for life in self.events.values() for event in life]
        first = min(min(event["at"], event["start_date"] or event["at"]) for event in events)
        first = first.normalize()
        if grain == "week":
            starts = pd.date_range(first - first.day_of_week * DAY, self.as_of, freq="7D")
            ends, year_ago = starts + 7 * DAY, starts - 364 * DAY
        else:
            starts = pd.date_range(first.replace(day=1), self.as_of, freq="MS")
            ends, year_ago = starts + pd.offsets.MonthBegin(1), starts - pd.DateOffset(years=1)
        return pd.DataFrame(
            {
                "period_start": starts,
                "instant": ends.where(ends < self.end, self.end),
                "over": ends <= self.end,
                "year_ago": year_ago,
            }
        )

    def spine(self, grain: str) -> pd.DataFrame:
        """MRR and movement of each account and period since its first paid one."""
        if grain not in self._spines:
            self._spines[grain] = self._spine(grain)
        return self._spines[grain]

    def _spine(self, grain: str) -> pd.DataFrame:
        periods = self.periods(grain)
        value: dict[str, dict[pd.Timestamp, int]] = defaultdict(lambda: defaultdict(int))
        for start, instant in zip(periods["period_start"], periods["instant"], strict=True):
            for _, state in self.contracts(instant):
                if state.pays:
                    value[state.account][start] += state.value
        rows = []
        for account, paid in value.items():
            first, before = min(paid), 0
            for period in periods[periods["period_start"] >= first].itertuples():
                now = paid.get(period.period_start, 0)
                if now and period.period_start == first:
                    move, size = "new", now
                elif now and not before:
                    move, size = "reactivation", now
                elif now > before:
                    move, size = "expansion", now - before
                elif now and now < before:
                    move, size = "contraction", before - now
                elif before and not now:
                    move, size = "churn", before
                else:
                    move, size = "none", 0
                rows.append((account, *period[1:], first, now, before, move, size))
                before = now
        columns = ["account_id", *periods, "first", "mrr", "before", "movement", "size"]
        return pd.DataFrame(rows, columns=columns)

    def with_members(self, rows: pd.DataFrame, instant: Callable | None = None) -> pd.DataFrame:
        """Each row for the total and each dimension; attributes of the as-of day, or of `instant`
        (account -> instant)."""
        rows = rows.copy()
        for dimension in ACCOUNT_DIMENSIONS:
            of = {
                account: self.member(account, dimension, instant(account) if instant else self.end)
                for account in rows["account_id"].unique()
            }
            rows[dimension] = rows["account_id"].map(of)
        return by_member(rows, ACCOUNT_DIMENSIONS)

    def waterfall(self, grain: str) -> pd.DataFrame:
        """mrr_waterfall; index period_start, dimension, dimension_value."""
        rows = self.with_members(self.spine(grain))
        for flow in FLOWS:
            rows[f"{flow}_mrr"] = rows["size"].where(rows["movement"] == flow, 0)
        rows = rows.rename(columns={"before": "opening_mrr", "mrr": "closing_mrr"})
        for name, flag in {
            "opening_accounts": rows["opening_mrr"] > 0,
            "new_accounts": rows["movement"] == "new",
            "reactivated_accounts": rows["movement"] == "reactivation",
            "churned_accounts": rows["movement"] == "churn",
            "closing_accounts": rows["closing_mrr"] > 0,
        }.items():
            rows[name] = flag.astype(int)
        sums = [name for name in rows if name.endswith(("_mrr", "_accounts"))]
        return rows.groupby(["period_start", *MEMBER])[sums].sum()

    def retention(self, grain: str) -> pd.DataFrame:
        """nrr_summary: of a year and of the period, same index as `waterfall`."""
        spine = self.with_members(self.spine(grain))
        keys = ["account_id", *MEMBER]
        then = spine.loc[spine["mrr"] > 0, [*keys, "period_start", "mrr"]]
        then = then.rename(columns={"period_start": "year_ago", "mrr": "cohort_opening_mrr"})
        pairs = spine.merge(then, on=[*keys, "year_ago"])
        pairs["cohort_closing_mrr"] = pairs["mrr"]
        pairs["cohort_kept_mrr"] = pairs[["mrr", "cohort_opening_mrr"]].min(axis=1)
        pairs["cohort_accounts"] = 1
        pairs["cohort_kept_accounts"] = (pairs["mrr"] > 0).astype(int)
        index = ["period_start", *MEMBER]
        found = pairs.groupby(index)[[n for n in pairs if n.startswith("cohort_")]].sum()
        flow = self.waterfall(grain)
        found = found.reindex(flow.index)
        share(found, "nrr_pct", found["cohort_closing_mrr"], found["cohort_opening_mrr"])
        share(found, "grr_pct", found["cohort_kept_mrr"], found["cohort_opening_mrr"])
        share(found, "logo_retention_pct", found["cohort_kept_accounts"], found["cohort_accounts"])
        # of the period: account by account, those that paid at its start
        old = spine[spine["before"] > 0].assign(
            kept=spine[["mrr", "before"]].min(axis=1), stays=(spine["mrr"] > 0).astype(int), one=1
        )
        sums = old.groupby(index)[["before", "mrr", "kept", "stays", "one"]].sum()
        sums = sums.reindex(flow.index)
        share(found, "period_nrr_pct", sums["mrr"], sums["before"])
        share(found, "period_grr_pct", sums["kept"], sums["before"])
        share(found, "period_logo_retention_pct", sums["stays"], sums["one"])
        return found

    @cached_property
    def cohort_accounts(self) -> pd.DataFrame:
        """Each account and month that is over since its first paid one, with its first MRR."""
        rows = self.spine("month")
        rows = rows[rows["over"]]
        first = rows[rows["period_start"] == rows["first"]].set_index("account_id")
        rows = self.with_members(rows, first["instant"].to_dict().__getitem__)
        rows["opening_mrr"] = rows["account_id"].map(first["mrr"])
        rows["kept_mrr"] = rows[["mrr", "opening_mrr"]].min(axis=1)
        rows["active_accounts"] = (rows["mrr"] > 0).astype(int)
        rows["cohort_accounts"] = 1
        rows["age"] = [
            12 * (month.year - start.year) + month.month - start.month
            for month, start in zip(rows["period_start"], rows["first"], strict=True)
        ]
        return rows

    def cohorts(self, keys: list[str]) -> pd.DataFrame:
        """Retention by keys, of which MEMBER are two."""
        rows = self.cohort_accounts
        sums = ["cohort_accounts", "active_accounts", "opening_mrr", "mrr", "kept_mrr"]
        found = rows.groupby([*keys, *MEMBER])[sums].sum()
        found["cohort_count"] = rows.groupby([*keys, *MEMBER])["first"].nunique()
        share(found, "account_retention_pct", found["active_accounts"], found["cohort_accounts"])
        share(found, "revenue_retention_pct", found["mrr"], found["opening_mrr"])
        share(found, "gross_revenue_retention_pct", found["kept_mrr"], found["opening_mrr"])
        found["is_small_cohort"] = found["cohort_accounts"] < SMALL_COHORT
        return found

    def renewals(self, day: pd.Timestamp | None = None) -> dict[str, tuple]:
        """(status, due date, millionths per month) of each paying contract at the end of a day, the
        as-of day if none is given; its end as it was known by then."""
        day = self.as_of if day is None else day
        today = day.date()
        found = {}
        known = dict(self.contracts(day + DAY, known_at=day + DAY))
        for contract, state in self.contracts(day + DAY):
            if not state.pays:
                continue
            ends = known[contract].ends if contract in known else None
            stated = state.renews.date() if state.renews and state.renews > state.starts else None
            term = TERMS.get(state.rhythm)
            if ends is not None:
                status, due = "ending", ends.date()
            elif stated and stated > today:
                status, due = "due", stated
            elif stated and term != 1:
                status, due = "overdue", stated
            elif term:
                anchor = stated or state.starts.date()
                dates = (later(anchor, count * term) for count in range(1, 2000))
                status, due = "due", next(day for day in dates if day > today)
            else:
                status, due = "unknown", None
            found[contract] = (status, due, state.value)
        return found

    @cached_property
    def spans_of_account(self) -> dict[str, list[Span]]:
        found = defaultdict(list)
        for span in (span for spans in self.lives.values() for span in spans):
            found[span.state.account].append(span)
        return found

    def stage(self, account: str) -> str:
        """Stage of life at the as-of day, of accounts of which sign-ups are the only sign."""
        paid = tried = trying = False
        value = 0
        for begin, end, state in self.spans_of_account.get(account, []):
            if begin < self.end:
                paid |= state.pays
                tried |= state.trial
                if self.end <= end:
                    trying |= state.trial
                    value += state.value if state.pays else 0
        crm = self.accounts[account].iloc[-1] if account in self.accounts else None
        is_said = crm is not None and not pd.isna(crm["is_active"])
        active = bool(crm["is_active"]) if is_said else True
        signup = None if crm is None or pd.isna(crm["date_created"]) else crm["date_created"]
        if value:
            if not active:
                return "suspended"
        elif paid or not active:
            return "churned"
        if not paid and (trying or tried):
            return "trial" if trying else "trial_ended"
        if signup is None or signup.normalize() > self.as_of:
            return "Unknown"
        days = (self.as_of - signup.normalize()).days
        if not value and not is_said and days > SIGN_DAYS:
            return "Unknown"
        if days > GROWING_DAYS:
            return "mature"
        return "growing" if days > ONBOARDING_DAYS else "onboarding"


def share(table: pd.DataFrame, name: str, above: pd.Series, below: pd.Series) -> None:
    """Adds a percentage, absent where the denominator is 0."""
    table[name] = 100 * above / below.where(below > 0)
