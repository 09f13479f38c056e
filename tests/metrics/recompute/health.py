"""Health of accounts and risk of churn, account by account and day by day, from bronze.

Every number is taken straight from the rows up to the end of the day: no running sums, no spans.
"""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import DAY, Bronze

HISTORY, COMPARED, LEAST_DAYS, LEAST_COVERAGE = 180, 30, 14, 50
FULL_EVENTS, FULL_DAYS, FULL_BREADTH = 1.0, 90, 80
TICKET, ESCALATION, BREACH, RATING = 5, 20, 8, 25
UNCHANGED, GROWTH, CONTRACTION, OVERDUE = 70, 1, 2, 20
TIERS = (("champion", 80), ("healthy", 60), ("neutral", 40), ("at_risk", 20), ("critical", 0))


def number(value: float, digits: int) -> str:
    """Text of a number rounded half away from zero, as SQL does."""
    exact = Decimal(f"{value:.6f}")
    return str(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


Columns = dict[str, np.ndarray]
"""Columns of one account's rows; an instant that is missing is neither before nor after another."""


def columns_of(rows: pd.DataFrame) -> Columns:
    """Plain columns, which are compared a hundred times faster than a data frame."""
    return {
        name: rows[name].to_numpy("datetime64[us]")
        if pd.api.types.is_datetime64_any_dtype(rows[name])
        else rows[name].to_numpy()
        for name in rows
    }


class Log:
    """Days of one account's events of one kind, with a text or a number for each."""

    def __init__(self, at: pd.Series, value: pd.Series | None = None):
        self.days = at.dt.normalize().to_numpy("datetime64[D]")
        self.values = value.to_numpy() if value is not None else np.zeros(len(self.days))

    def window(self, day: np.datetime64, days: int, before: int = 0) -> np.ndarray:
        """Values of the `days` days that end `before` days before the day."""
        end = day - np.timedelta64(before, "D")
        return self.values[(self.days <= end) & (self.days > end - np.timedelta64(days, "D"))]


class Health:
    """customer_health_scores and churn_risk_view of a company."""

    def __init__(self, company: Company):
        self.company = company
        self.bronze = Bronze(company.settings)
        self.as_of = company.as_of.date()
        self.subscriptions = Subscriptions(company.settings, self.as_of)

    def of(self, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
        return dict(tuple(rows.groupby("account_id")))

    @cached_property
    def mrr(self) -> dict[pd.Timestamp, dict[str, int]]:
        """Millionths per account at the end of days: the history's, and of the months before."""
        first = self.company.end - (HISTORY + COMPARED) * DAY
        months = pd.date_range(first - pd.DateOffset(months=6), self.company.end, freq="MS")
        found = {}
        for instant in {*pd.date_range(first, self.company.end), *months}:
            sums: dict[str, int] = {}
            for _, state in self.subscriptions.contracts(instant):
                if state.pays:
                    sums[state.account] = sums.get(state.account, 0) + state.value
            found[instant] = sums
        return found

    @cached_property
    def first_contracts(self) -> dict[str, pd.Timestamp]:
        """Instant at which each account's first trial or paying contract began to hold."""
        firsts: dict[str, pd.Timestamp] = {}
        spans = (span for life in self.subscriptions.lives.values() for span in life)
        for begin, _, state in spans:
            if state.pays or state.trial:
                firsts[state.account] = min(firsts.get(state.account, begin), begin)
        return firsts

    @cached_property
    def tickets(self) -> dict[str, Columns]:
        """Tickets with the instants at which they were escalated and ran past their target."""
        rows = self.company.tickets.copy()
        end = self.company.end
        rows["resolved"] = rows["resolved_at"].where(rows["resolved_at"] < end)
        told = self.bronze.latest("support_tickets", ["ticket_id", "last_updated"], ["loaded_at"])
        told = told.dropna(subset=["status"])
        versions = told[told["status"].str.lower() == "escalated"]
        last = told["ticket_id"].map(versions.groupby("ticket_id")["last_updated"].max())
        rows["calm"] = rows["ticket_id"].map(
            told[told["last_updated"] > last].groupby("ticket_id")["last_updated"].min()
        )
        rows["escalated"] = rows["ticket_id"].map(
            versions.groupby("ticket_id")["last_updated"].min()
        )
        targets = self.company.promises
        assert set(targets["clock"]) == {"calendar"}, "deadlines by business hours: test_sla"
        assert targets["priority"].is_unique
        hours = targets.set_index("priority")["resolution_hours"].astype(float)
        wait = pd.to_timedelta(rows["priority"].str.lower().map(hours), unit="h")
        rows["due"] = rows["at"] + wait
        rows["escalated"] = rows["escalated"].where(~(rows["escalated"] >= rows["resolved"]))
        rows["breached"] = rows["due"].where(~(rows["due"] >= rows["resolved"]))
        wanted = rows[["account_id", "at", "resolved", "escalated", "calm", "breached", "csat"]]
        return {account: columns_of(part) for account, part in self.of(wanted).items()}

    @cached_property
    def days(self) -> pd.DataFrame:
        """Every account in force and day of the history and the 30 days before it."""
        company = self.company
        accounts = {*company.changes["account_id"], *self.first_contracts}
        events = company.events
        spoken = set(events["at"].dt.normalize())
        feed_start = events["at"].min().normalize()
        first_ticket = company.tickets["at"].min().normalize()
        first_invoice = pd.Timestamp(self.bronze.all("invoices")["invoice_date"].min())
        first_month = min(at for at, sums in self.mrr.items() if sums)
        rated = [
            rows["resolved"][~np.isnan(rows["csat"]) & ~np.isnat(rows["resolved"])]
            for rows in self.tickets.values()
        ]
        first_rating = min(
            pd.Timestamp(np.concatenate(rated).min()), self._answers("csat")["at"].min()
        ).normalize()
        first_nps = self._answers("nps")["at"].min().normalize()
        releases = company.releases.groupby("feature_name")["released_at"].min()
        used = events[events["event_type"].str.lower() == "feature_used"]
        used = used[used["at"].dt.normalize() >= used["feature_name"].map(releases).dt.normalize()]
        logs = {
            name: {a: Log(rows["at"], rows[column]) for a, rows in self.of(table).items()}
            for name, table, column in (
                ("events", events, "at"),
                ("users", events[events["product_user_id"].notna()], "product_user_id"),
                ("features", used, "feature_name"),
                ("csat", self._answers("csat"), "score"),
                ("nps", self._answers("nps"), "score"),
            )
        }
        none = Log(pd.Series([], dtype="datetime64[us]"))
        invoices = {a: columns_of(rows) for a, rows in self.of(self._overdue()).items()}
        instants = pd.date_range(company.end - (HISTORY + COMPARED - 1) * DAY, company.end)
        released = {instant: int((releases < instant).sum()) for instant in instants}
        signed = company.accounts["signed_up"]
        no_tickets = {name: rows[:0] for name, rows in next(iter(self.tickets.values())).items()}
        rows = []
        for account in sorted(accounts):
            mine = {name: log.get(account, none) for name, log in logs.items()}
            tickets = self.tickets.get(account, no_tickets)
            bills = invoices.get(account)
            signup = signed.get(account, pd.NaT)
            started = mine["events"].days.min() if len(mine["events"].days) else None
            for instant in instants:
                day = instant - DAY
                mrr = self.mrr[instant].get(account, 0)
                active = company.was_active(account, instant)
                first = self.first_contracts.get(account)
                if not mrr and (active is False or (first is not None and first < instant)):
                    continue
                if not mrr and active is None and not company.is_alive(account, day):
                    continue
                if not mrr and not (pd.notna(signup) and signup <= day):
                    continue
                row = {"account_id": account, "score_date": day, "mrr": mrr / 1e6}
                row["status"] = "suspended" if active is False else "active"
                number_of_day = np.datetime64(day, "D")

                def known_for(start: pd.Timestamp, day=day, signup=signup) -> int:
                    start = max(start, signup) if pd.notna(signup) else start
                    return (day - start).days + 1

                row |= _usage(
                    mine,
                    number_of_day,
                    known_for(feed_start),
                    started is not None
                    and started <= number_of_day
                    and not spoken.isdisjoint(day - back * DAY for back in range(7)),
                    released[instant],
                )
                if day < feed_start:
                    row |= dict.fromkeys(_COUNTS_OF_USE, np.nan)
                row |= _support(
                    mine, tickets, number_of_day, instant, known_for(first_ticket) >= LEAST_DAYS
                )
                if day < first_ticket:
                    row |= dict.fromkeys(_COUNTS_OF_TICKETS, np.nan)
                row |= self._revenue(account, instant, bills)
                if day < first_invoice:
                    row["overdue_invoices"] = np.nan
                assert day >= first_month, "contracts are there from the first day"
                asked = {"rating": day >= first_rating, "nps": day >= first_nps}
                rows.append(row | _score(row, asked))
        table = pd.DataFrame(rows)
        before = table[["account_id", "score_date", "health_score"]].copy()
        before["score_date"] += COMPARED * DAY
        table = table.merge(
            before.rename(columns={"health_score": "before"}),
            on=["account_id", "score_date"],
            how="left",
        )
        table["health_score_change_30d"] = table["health_score"] - table["before"]
        return table[table["score_date"] > company.as_of - HISTORY * DAY].reset_index(drop=True)

    def _answers(self, survey: str) -> pd.DataFrame:
        rows = self.company.surveys
        return rows[rows["survey_type"].str.lower() == survey]

    def _overdue(self) -> pd.DataFrame:
        """Every time an invoice was overdue: from a version that says so to the next version."""
        rows = self.bronze.latest("invoices", ["invoice_id", "last_updated"], ["loaded_at"])
        rows = rows.sort_values(["invoice_id", "last_updated"])
        rows["overdue"] = rows["last_updated"]
        rows["settled"] = rows.groupby("invoice_id")["last_updated"].shift(-1)
        rows = rows[rows["status"].str.lower() == "overdue"]
        return rows[["account_id", "overdue", "settled"]]

    def _revenue(self, account: str, instant: pd.Timestamp, bills: Columns | None) -> dict:
        month = instant.replace(day=1)
        # MRR at the ends of the last four closed months, the oldest first, and of one more
        ends = [month - pd.DateOffset(months=back) for back in (3, 2, 1, 0)]
        values = [self.mrr[end].get(account, 0) for end in ends]
        shrunk = sum(0 < now < then for then, now in pairwise(values))
        late = 0
        if bills is not None:
            end = np.datetime64(instant)
            late = int(((bills["overdue"] < end) & ~(bills["settled"] < end)).sum())
        row = {"contraction_months": shrunk, "overdue_invoices": late}
        row["is_revenue_measured"] = values[-1] > 0
        if values[-1]:
            base = next(value for value in values if value)
            row["mrr_change_pct"] = 100 * (values[-1] - base) / base
        return row

    @cached_property
    def risk(self) -> pd.DataFrame:
        """churn_risk_view but for its words; index account_id."""
        table = self.levels(self.company.as_of)
        activities = self.bronze.latest(
            "customer_success_activities", ["activity_id"], ["loaded_at"]
        )
        end = self.company.end
        activities["done"] = activities["done_at"].where(activities["done_at"] < end)
        late = activities[activities["done"].isna() & (activities["due_at"] < end)]
        table["last_touch_date"] = activities.groupby("account_id")["done"].max().dt.normalize()
        table["overdue_activities"] = late.groupby("account_id").size()
        table["overdue_activities"] = table["overdue_activities"].fillna(0)
        table["mrr_at_risk"] = table["mrr"].where(table["risk_level"].isin(["critical", "high"]), 0)
        table.loc[table["risk_level"] == "unknown", "mrr_at_risk"] = np.nan
        return table

    @cached_property
    def signals_from(self) -> pd.Timestamp:
        """First day on which product events, tickets and contracts had all been delivered."""
        first = self.company.first_day
        return max(first[feed] for feed in ("product_events", "tickets", "subscriptions"))

    def levels(self, day: pd.Timestamp) -> pd.DataFrame:
        """Signals of churn and level of risk at the end of a day; index account_id."""
        today = self.days[self.days["score_date"] == day].set_index("account_id")
        table = today[["mrr", "health_score"]].copy()
        score = today["health_score"].round(1)
        base = today["events_previous_30d"]
        change = 100 * (today["events_30d"] - base) / base
        table["usage_change_pct"] = change.where(today["is_usage_measured"] & (base >= 20))
        is_low = score < 40
        table["is_low_health"] = is_low.astype(float).where(score.notna())
        table["is_usage_declining"] = table["usage_change_pct"] <= -40
        table["has_escalations"] = today["escalations_30d"] + today["escalated_tickets"] > 0
        table["has_revenue_contraction"] = today["contraction_months"] > 0
        ends, near, dues = set(), set(), {}
        states = dict(self.subscriptions.contracts(day + DAY))
        for contract, (status, due, _) in self.subscriptions.renewals(day).items():
            state = states[contract]
            if status == "ending":
                ends.add(state.account)
            if due is not None:
                dues[state.account] = min(due, dues.get(state.account, date.max))
                counts = status == "ending" or state.rhythm != "monthly"
                if counts and (due - day.date()).days <= 60:
                    near.add(state.account)
        table["has_notice"] = table.index.isin(ends)
        table["is_renewal_near"] = table.index.isin(near)
        table["next_renewal_date"] = pd.to_datetime(pd.Series(dues, dtype="object"))
        signals = ["is_low_health", "is_usage_declining", "has_escalations"]
        signals += ["has_revenue_contraction", "has_notice"]
        count = table[signals].sum(axis=1)
        has_signals = day >= self.signals_from
        table["risk_signal_count"] = count.where((count > 0) | (score.notna() & has_signals))
        near_one = table["is_renewal_near"]
        table["risk_level"] = np.select(
            [
                (score < 20) | table["has_notice"] | (count >= 3) | ((count == 2) & near_one),
                is_low | table["is_usage_declining"] | (count == 2) | ((count == 1) & near_one),
                (count == 1) | (score < 60),
                score.isna() | (not has_signals),
            ],
            ["critical", "high", "medium", "unknown"],
            "low",
        )
        return table


_COUNTS_OF_USE = (
    *("events_30d", "events_previous_30d", "active_days_30d", "users_90d", "features_30d"),
)
_COUNTS_OF_TICKETS = (
    *("open_tickets", "escalated_tickets", "escalations_30d", "sla_breaches_30d"),
)


def _usage(mine: dict, day: np.datetime64, days_known: int, speaks: bool, features: int) -> dict:
    events, seen = mine["events"], min(days_known, 30)
    row = {
        "events_30d": len(events.window(day, 30)),
        "events_previous_30d": len(events.window(day, 30, before=30)),
        "active_days_30d": len(
            np.unique(events.days[(events.days <= day) & (events.days > day - 30)])
        ),
        "users_90d": len(set(mine["users"].window(day, 90))),
        "features_30d": len(set(mine["features"].window(day, 30))),
        "available_features": features,
        "is_usage_measured": speaks and days_known >= LEAST_DAYS,
    }
    if row["is_usage_measured"]:
        row["events_per_user_day"] = row["events_30d"] / max(row["users_90d"], 1) / seen
        row["active_days_pct"] = 100 * row["active_days_30d"] / seen
        row["feature_breadth_pct"] = 100 * row["features_30d"] / features
    return row


def _support(
    mine: dict, tickets: Columns, day: np.datetime64, instant: pd.Timestamp, measured: bool
) -> dict:
    end = np.datetime64(instant)
    begin, rated_from = end - np.timedelta64(30, "D"), end - np.timedelta64(90, "D")
    is_open = (tickets["at"] < end) & ~(tickets["resolved"] < end)
    escalated, breached = tickets["escalated"], tickets["breached"]
    is_rated = (tickets["resolved"] < end) & (tickets["resolved"] >= rated_from)
    rated = tickets["csat"][is_rated & ~np.isnan(tickets["csat"])]
    ratings = [*rated, *mine["csat"].window(day, 90)]
    nps = mine["nps"].window(day, 90)
    return {
        "is_support_measured": measured,
        "open_tickets": int(is_open.sum()),
        "escalated_tickets": int((is_open & (escalated < end) & ~(tickets["calm"] < end)).sum()),
        "escalations_30d": int(((escalated < end) & (escalated >= begin)).sum()),
        "sla_breaches_30d": int(((breached < end) & (breached >= begin)).sum()),
        "mean_rating_90d": float(np.mean(ratings)) if ratings else np.nan,
        "mean_nps_90d": float(np.mean(nps)) if len(nps) else np.nan,
    }


def tier_of(score: float) -> str:
    """Health tier of a score with one decimal."""
    return next(name for name, least in TIERS if score >= least)


def _score(row: dict, asked: dict[str, bool]) -> dict:
    """Components, score (not rounded), tier and reasons of one account and day.

    asked: whether any account had rated support, and answered an nps survey, by the day.
    """
    lost: dict[str, tuple[float, str]] = {}
    usage = support = revenue = engagement = np.nan
    coverage = 0.0
    if row["is_usage_measured"]:
        usage = min(100.0, 100 * row["events_per_user_day"] / FULL_EVENTS)
        lost["usage"] = (
            30 - 0.3 * usage,
            f"{number(row['events_per_user_day'], 2)}" + (" events per user and day"),
        )
        parts = {
            "active_days": min(100.0, 100 * row["active_days_pct"] / FULL_DAYS),
            "feature": min(100.0, 100 * row["feature_breadth_pct"] / FULL_BREADTH),
        }
        words = {
            "active_days": f"used on {number(row['active_days_pct'], 0)} % of days",
            "feature": f"uses {row['features_30d']} of {row['available_features']} features",
        }
        if not np.isnan(row["mean_nps_90d"]):
            parts["nps"] = 10 * row["mean_nps_90d"]
            words["nps"] = f"recommends with {number(row['mean_nps_90d'], 1)} of 10"
        engagement = sum(parts.values()) / len(parts)
        coverage += 30 + 25 * (2 + asked["nps"]) / 3
        for name, points in parts.items():
            lost[name] = 0.25 * (100 - points) / len(parts), words[name]
    if row["is_support_measured"]:
        rating = row["mean_rating_90d"]
        shortfall = 0.0 if np.isnan(rating) else max(4 - rating, 0)
        parts = {
            "open_ticket": (TICKET * row["open_tickets"], "open tickets: ", row["open_tickets"]),
            "escalation": (
                ESCALATION * row["escalated_tickets"],
                "escalated tickets: ",
                row["escalated_tickets"],
            ),
            "sla_breach": (
                BREACH * row["sla_breaches_30d"],
                "support targets missed in 30 days: ",
                row["sla_breaches_30d"],
            ),
            "rating": (RATING * shortfall, "", ""),
        }
        coverage += 20 * (3 + asked["rating"]) / 4
        support = max(100.0 - sum(points for points, _, _ in parts.values()), 0.0)
        for name, (points, words, value) in parts.items():
            lost[name] = 0.2 * min(points, 100), f"{words}{value}"
        if shortfall:
            lost["rating"] = lost["rating"][0], f"rates support with {number(rating, 1)} of 5"
    if row["is_revenue_measured"]:
        change = row["mrr_change_pct"]
        moved = GROWTH * change if change >= 0 else CONTRACTION * change
        is_billed = not np.isnan(row["overdue_invoices"])
        coverage += 25 * (1 + is_billed) / 2
        penalty = OVERDUE if is_billed and row["overdue_invoices"] else 0
        revenue = min(max(UNCHANGED + moved - penalty, 0.0), 100.0)
        lost["contraction"] = (
            0.25 * min(max(-moved, 0.0), UNCHANGED),
            f"recurring revenue {number(change, 1)} % in 3 months",
        )
        lost["overdue"] = 0.25 * penalty, f"overdue invoices: {row['overdue_invoices']}"
    score, tier, reasons = np.nan, "unknown", "too little is known"
    if coverage >= LEAST_COVERAGE:
        weighted = [(0.3, usage), (0.2, support), (0.25, revenue), (0.25, engagement)]
        weighted = [(weight, value) for weight, value in weighted if not np.isnan(value)]
        weights = sum(weight for weight, _ in weighted)
        exact = sum(weight * value for weight, value in weighted) / weights
        score, tier = exact, tier_of(float(number(exact, 1)))
        cost = {name: round(points / weights, 3) for name, (points, _) in lost.items()}
        strongest = sorted((-points, name) for name, points in cost.items() if points >= 2)
        reasons = "; ".join(lost[name][1] for _, name in strongest[:3])
    return {
        "usage_score": usage,
        "support_score": support,
        "revenue_score": revenue,
        "engagement_score": engagement,
        "coverage_pct": coverage,
        "health_score": score,
        "health_tier": tier,
        "reasons": reasons or f"nothing {'' if coverage > 99.9 else 'that is known '}pulls it down",
    }


def backtest(health: Health) -> pd.DataFrame:
    """health_backtest; index observation_date, health_tier."""
    days = health.days
    ends = days["score_date"] + 91 * DAY
    rows = days[
        (days["score_date"].dt.day_of_week == 6) & (days["mrr"] > 0) & (ends <= health.company.end)
    ].copy()
    rows["later"] = [
        health.mrr[row.score_date + 91 * DAY].get(row.account_id, 0) / 1e6
        for row in rows.itertuples()
    ]
    rows["churned"] = rows["later"] == 0
    rows["lost"] = (rows["mrr"] - rows["later"]).clip(lower=0)
    return (
        rows.rename(columns={"score_date": "observation_date"})
        .groupby(["observation_date", "health_tier"])
        .agg(
            account_count=("mrr", "size"),
            churned_count=("churned", "sum"),
            mrr=("mrr", "sum"),
            lost_mrr=("lost", "sum"),
        )
    )
