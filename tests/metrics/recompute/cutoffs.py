"""Inputs of predictions from bronze, account by account and cut-off by cut-off."""

from collections import defaultdict
from functools import cached_property

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.subscriptions import Span, Subscriptions
from tests.metrics.recompute.tables import DAY, Bronze, known, segments

HORIZON, MONTHS, WINDOW = 90 * DAY, 6, 28 * DAY
ATTRIBUTES = {
    "segment": "segment",
    "plan_tier": "plan_tier",
    "vertical": "vertical",
    "account_size": "account_size",
}
"""Feature: column of bronze."""


class Cutoffs:
    """What was known of each account just before each month end, and what came of it."""

    def __init__(self, company: Company):
        self.company, self.end = company, company.end
        self.money = Subscriptions(company.settings, company.as_of)
        bronze = Bronze(company.settings)
        contacts = bronze.latest("crm_contacts", ["crm_contact_id", "updated_at"], ["loaded_at"])
        self.contacts = contacts.sort_values(["crm_contact_id", "updated_at"])
        self.changes = self.money.crm
        self._states: dict[pd.Timestamp, dict[str, list[Span]]] = {}

    @cached_property
    def dates(self) -> list[pd.Timestamp]:
        periods = self.company.periods
        months = periods[(periods["grain"] == "month") & periods["complete"]]
        return sorted(months["end"])

    @cached_property
    def first_seen(self) -> pd.Series:
        company = self.company
        rows = (self.changes, company.contracts, company.requests, company.events)
        seen = pd.concat([table[["account_id", "at"]] for table in rows]).dropna()
        return seen.groupby("account_id")["at"].min()

    def states(self, account: str, known_at: pd.Timestamp) -> list[Span]:
        """Everything that was ever in force of an account, as known just before an instant."""
        if known_at not in self._states:
            found = defaultdict(list)
            for span in (span for life in self.money.spans(known_at).values() for span in life):
                found[span.state.account].append(span)
            self._states[known_at] = found
        return self._states[known_at].get(account, [])

    def paying(self, account: str, known_at: pd.Timestamp) -> list[Span]:
        return [span for span in self.states(account, known_at) if span.state.pays]

    def mrr(
        self, account: str, instant: pd.Timestamp, known_at: pd.Timestamp | None = None
    ) -> float:
        """Dollars per month in force just before an instant, as known then or later."""
        rows = self.paying(account, known_at or instant)
        return sum(s.value for since, to, s in rows if since < instant <= to) / 10**6

    def contracts(self, account: str, cutoff: pd.Timestamp) -> dict:
        """Features and labels that contracts give."""
        rows = [row for row in self.paying(account, cutoff) if row[0] < cutoff]
        now = [state for since, to, state in rows if cutoff <= to]
        trials = [s for since, to, s in self.states(account, cutoff) if since < cutoff <= to]
        renewals = [s.renews for s in now if s.renews is not None and s.renews >= cutoff]
        end = cutoff + HORIZON
        action = "renewal" if now else "reactivation" if rows else "conversion"
        later = self.paying(account, self.end)
        if now:
            happened = self.mrr(account, end, self.end) > 0
        else:
            happened = any(since < end and to > cutoff for since, to, _ in later)
        closed = end <= self.end
        months = pd.date_range(cutoff, periods=MONTHS, freq="MS") + pd.offsets.MonthBegin(1)
        past = [date for date in self.dates if date <= cutoff]
        return {
            "action_name": action,
            "is_closed": closed,
            "label": float(happened) if closed else None,
            "has_paid": bool(rows),
            "paid_days": (cutoff - min(r[0] for r in rows).normalize()) / DAY if rows else None,
            "is_on_trial": any(state.trial for state in trials),
            "contract_count": len(now),
            "annual_contract_count": sum(s.rhythm == "annual" for s in now),
            "ending_contract_count": sum(s.ends is not None for s in now),
            "mrr": self.mrr(account, cutoff),
            "mrr_change": self.mrr(account, cutoff) - self.mrr_before(account, cutoff),
            "days_until_renewal": (min(renewals).normalize() - cutoff) / DAY if renewals else None,
            "before": sum(self.mrr(account, date) for date in past),
            "within": sum(self.mrr(account, date, self.end) for date in months)
            if months[-1] <= self.end
            else None,
        }

    def mrr_before(self, account: str, cutoff: pd.Timestamp) -> float:
        """MRR three cut-offs earlier, 0 where the account was not known then."""
        earlier = cutoff - pd.DateOffset(months=3)
        return self.mrr(account, earlier) if self.first_seen[account] < earlier else 0.0

    @cached_property
    def table(self) -> pd.DataFrame:
        """Every account and cut-off, index (account_id, cutoff_date)."""
        rows = []
        for cutoff in self.dates:
            known_then = self.first_seen.index[self.first_seen < cutoff]
            activity, silence = self.activity(cutoff), self.silence(cutoff)
            versions = self.changes[self.changes["at"] < cutoff]
            versions = versions.drop_duplicates("account_id", keep="last").set_index("account_id")
            for account in known_then:
                said = versions.loc[account] if account in versions.index else None
                signup = pd.NaT if said is None else said["date_created"]
                signup = pd.NaT if pd.isna(signup) else signup.normalize()
                said = {} if said is None else said.to_dict()
                said |= self.plan(account, cutoff)
                rows.append({
                    "account_id": account,
                    "cutoff_date": cutoff,
                    "employee_count": said.get("employee_count"),
                    **{name: said.get(column) for name, column in ATTRIBUTES.items()},
                    "tenure_days": (cutoff - signup) / DAY if signup < cutoff else None,
                    **self.contracts(account, cutoff),
                    **(activity.loc[account] if account in activity.index else silence),
                })  # fmt: skip
        table = pd.DataFrame(rows)
        table["segment"] = segments(table)
        table[list(ATTRIBUTES)] = table[list(ATTRIBUTES)].apply(known)
        return table.drop(columns="employee_count").set_index(["account_id", "cutoff_date"])

    def plan(self, account: str, cutoff: pd.Timestamp) -> dict[str, str]:
        """The highest plan tier of the contracts in force, as known then; {} where none has one."""
        tiers = self.money.tiers
        held = [
            state.plan.lower()
            for since, to, state in self.states(account, cutoff)
            if since < cutoff <= to and not state.trial and str(state.plan).lower() in tiers
        ]
        return {"plan_tier": max(held, key=tiers.get).capitalize()} if held else {}

    def observed(self, feed: str, since: pd.Timestamp) -> bool:
        return self.company.first_day[feed] <= since

    def silence(self, cutoff: pd.Timestamp) -> dict:
        """Activity of an account of which nothing was heard."""
        found: dict = {"contact_count": 0.0, "lead_source": "Unknown"}
        since = cutoff - WINDOW
        for feed, names in {
            "requests": ("request_count", "active_days"),
            "product_events": ("login_count", "feature_use_count", "feature_count"),
            "tickets": ("ticket_count", "open_ticket_count"),
        }.items():
            found |= dict.fromkeys(names, 0.0 if self.observed(feed, since) else None)
        return found | dict.fromkeys(["error_rate_pct", "request_change_pct", "survey_score"])

    def activity(self, cutoff: pd.Timestamp) -> pd.DataFrame:
        """Activity over the days before a cut-off, index account_id; every account heard of."""
        company, since = self.company, cutoff - WINDOW

        def within(
            rows: pd.DataFrame, first=since, last=cutoff
        ) -> pd.core.groupby.DataFrameGroupBy:
            return rows[(rows["at"] >= first) & (rows["at"] < last)].groupby("account_id")

        events, tickets = company.events, company.tickets
        calls = company.calls.assign(day=company.calls["at"].dt.normalize())
        kind = events["event_type"].str.lower()
        asked = tickets[tickets["at"] < cutoff]
        still = asked["resolved_at"].isna() | (asked["resolved_at"] >= cutoff)
        scores = company.surveys.copy()
        csat = scores["survey_type"].str.lower() == "csat"
        scores["of_100"] = (10 * scores["score"]).where(~csat, 25 * (scores["score"] - 1))
        contacts = self.contacts[self.contacts["updated_at"] < cutoff]
        contacts = contacts.drop_duplicates("crm_contact_id", keep="last")
        contacts = contacts.sort_values(["created_at", "crm_contact_id"])
        by_account = contacts.groupby("crm_account_id")
        found = pd.DataFrame({
            "request_count": within(calls).size(),
            "active_days": within(calls)["day"].nunique(),
            "failed": within(calls)["failed"].sum(),
            "requests_before": within(calls, since - WINDOW, since).size(),
            "login_count": within(events[kind == "login"]).size(),
            "feature_use_count": within(events[kind == "feature_used"]).size(),
            "feature_count": within(events)["feature_name"].nunique(),
            "ticket_count": within(tickets).size(),
            "open_ticket_count": asked[still].groupby("account_id").size(),
            "survey_score": within(scores)["of_100"].mean(),
            "contact_count": by_account.size(),
            "lead_source": by_account["lead_source"].agg(lambda names: known(names).iloc[0]),
        })  # fmt: skip
        counts = [name for name in found if name.endswith(("_count", "_days", "_before"))]
        found[counts] = found[counts].fillna(0)
        found["lead_source"] = known(found["lead_source"])
        some = found["request_count"].where(found["request_count"] > 0)
        found["error_rate_pct"] = 100 * found["failed"] / some
        before = found["requests_before"].where(found["requests_before"] > 0)
        found["request_change_pct"] = 100 * (found["request_count"] - before) / before
        quiet = self.silence(cutoff)
        for name, value in quiet.items():
            if value is None and name != "survey_score":
                unheard = name not in ("error_rate_pct", "request_change_pct")
                found[name] = None if unheard or quiet["request_count"] is None else found[name]
        if not self.observed("requests", since - WINDOW):
            found["request_change_pct"] = None
        return found.drop(columns=["failed", "requests_before"])
