"""Consent, audiences and conversions from bronze, in plain Python.

Who is one person comes from the bridge in gold (tests/integration/test_identities.py), and so do
risk, RFM segment and pressure on quotas, which have recomputations of their own.
"""

import hashlib
from collections import defaultdict
from functools import cached_property

import pandas as pd
from tests.metrics.recompute.company import Company
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import DAY, Bronze
from tests.metrics.warehouse import frame

from o2r.settings import Settings

WIN_BACK_DAYS, STALLED_DAYS, CLICK_DAYS = 365, 14, 90
MAX_AGE = {
    "google": {"closed_won": 90, "demo_request": 90},
    "meta": {"closed_won": 62, "demo_request": 7},
}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(address: str) -> str:
    name, _, domain = address.partition("@")
    if domain in ("gmail.com", "googlemail.com"):
        name = name.replace(".", "")
    return f"{name}@{domain}"


class Audiences:
    """What the small company's audiences and conversions come to."""

    def __init__(self, settings: Settings, company: Company):
        self.settings, self.company, self.as_of = settings, company, company.as_of
        self.end = self.as_of + DAY
        self.bronze = Bronze(settings)
        bridge = frame(settings, "select * from mart_gold.bridge_identifier_person")
        self.person_by_key = bridge.set_index("identifier_key")["person_id"].to_dict()
        self.shared = set(bridge.loc[bridge["is_shared"], "identifier_key"])

    def person(self, kind: str, value: object) -> str | None:
        """Person of an identifier; shared ones have none that counts here."""
        if not isinstance(value, str):
            return None
        key = hashlib.md5(f"{kind}-{value}".encode()).hexdigest()
        return None if key in self.shared else self.person_by_key.get(key)

    @cached_property
    def versions(self) -> pd.DataFrame:
        """Versions of contacts by the as-of day, in order, with persons and address hashes."""
        rows = self.bronze.latest("crm_contacts", ["crm_contact_id", "updated_at"], ["loaded_at"])
        rows = rows[rows["updated_at"] < self.end].sort_values("updated_at")
        rows["person"] = [self.person("crm_contact_id", one) for one in rows["crm_contact_id"]]
        for name, change in (("google", canonical), ("meta", str)):
            rows[name] = [
                sha256(change(address.strip().lower()))
                if isinstance(address, str) and "@" in address
                else (given.strip().lower() if isinstance(given, str) else None)
                for address, given in zip(rows["email"], rows["hem"], strict=True)
            ]
        return rows

    @cached_property
    def consent(self) -> dict[str, bool]:
        """Whether a person who was asked agrees: the newest answer, no before yes."""
        answers = defaultdict(list)
        for _, rows in self.versions.groupby("crm_contact_id"):
            if rows["consent_marketing"].isna().all():
                continue
            newest = rows.iloc[-1]
            at = newest["updated_at"]
            agrees = newest["consent_marketing"]
            if not pd.isna(agrees) and not pd.isna(newest["consent_timestamp"]):
                at = min(at, newest["consent_timestamp"])
            answers[newest["person"]].append((at, agrees is not True and agrees != True))  # noqa: E712
        return {person: not max(given)[1] for person, given in answers.items()}

    @cached_property
    def known(self) -> dict[str, str | None]:
        """Account of each person whom the CRM knows, by its newest contact."""
        newest = self.versions.drop_duplicates("crm_contact_id", keep="last")
        newest = newest.sort_values(["updated_at", "crm_contact_id"], ascending=[True, False])
        accounts = newest.drop_duplicates("person", keep="last").set_index("person")
        return accounts["crm_account_id"].to_dict()

    @cached_property
    def addresses(self) -> dict[str, dict[str, list[str]]]:
        """Address hashes of each person by platform, newest first."""
        found: dict[str, dict[str, list[str]]] = {}
        for platform in MAX_AGE:
            rows = self.versions[
                [
                    one is not None and one == self.person("email", key)
                    for one, key in zip(
                        self.versions["person"], self.versions["google"], strict=True
                    )
                ]
            ]
            last = rows.groupby(["person", platform])["updated_at"].max().reset_index()
            last = last.sort_values(["updated_at", platform], ascending=[False, True])
            found[platform] = last.groupby("person")[platform].agg(list).to_dict()
        return found

    @cached_property
    def with_number(self) -> set[str]:
        """People with a phone number of their own."""
        bridge = frame(
            self.settings,
            "select person_id from mart_gold.bridge_identifier_person "
            "where identifier_type = 'phone' and not is_shared",
        )
        return set(bridge["person_id"]) & set(self.known)

    def accounts(self) -> dict[tuple[str, str], tuple[str | None, pd.Timestamp | None]]:
        """Reason (None where gold has it from another mart) and day, by audience and account."""
        contracts = Subscriptions(self.settings, self.as_of.date())
        fraud = {name for name, rows in contracts.accounts.items() if rows.iloc[-1]["is_fraud"]}
        names = [name for name in self.company.accounts.index if name not in fraud | {"Unknown"}]
        stage = {name: contracts.stage(name) for name in names}
        customers = {
            n for n, s in stage.items() if s not in ("suspended", "churned", "trial_ended")
        }
        found: dict[tuple[str, str], tuple] = {}
        for audience, statement in (
            ("upgrade_candidates", "mart_gold.quota_pressure where is_upgrade_candidate"),
            ("at_risk", "mart_gold.churn_risk_view where risk_level in ('high', 'critical')"),
            ("champions", "mart_gold.rfm_scores where rfm_segment = 'Champions'"),
        ):
            rows = frame(self.settings, f"select distinct account_id from {statement}")
            for name in set(rows["account_id"]) & customers:
                found[audience, name] = (None, None)
        for name, last in self._last_paid_days(contracts).items():
            if stage.get(name) == "churned" and (self.as_of - last).days <= WIN_BACK_DAYS:
                found["win_back", name] = (f"last paid contract ended on {last.date()}", last)
        served = self.company.calls[self.company.calls["failed"] == 0]
        used, first_day = set(served["account_id"]), self.company.first_day["requests"]
        for name in names:
            day = self.company.accounts.loc[name, "signed_up"]
            if stage[name] in ("trial", "onboarding") and name not in used and day >= first_day:
                since = day + STALLED_DAYS * DAY
                if since <= self.as_of:
                    text = f"no request has succeeded in {STALLED_DAYS} days since the sign-up"
                    found["onboarding_stalled", name] = (text, since)
        return found

    def _last_paid_days(self, contracts: Subscriptions) -> dict[str, pd.Timestamp]:
        days: dict[str, pd.Timestamp] = {}
        for begin, end, state in (span for life in contracts.lives.values() for span in life):
            if state.pays and begin < self.end:
                days[state.account] = max(end.normalize(), days.get(state.account, end.min))
        return days

    def members(self, accounts: set[str]) -> set[str]:
        """People of these accounts who agreed to marketing."""
        return {
            person
            for person, account in self.known.items()
            if account in accounts and self.consent.get(person)
        }

    def signals(self) -> dict[str, dict]:
        """Conversions by their id."""
        clicks, requests = self._web()
        found = {}
        deals = self.bronze.latest("deal_stage_history", ["row_id"], ["loaded_at"])
        deals = deals[deals["event_timestamp"] < self.end]
        deals["stage"] = deals["new_stage"].str.title()
        deals = deals.sort_values(["event_timestamp", "row_id"])
        told = ["crm_contact_id", "deal_value", "currency"]
        deals[told] = deals.groupby("deal_id")[told].ffill()
        for deal, rows in deals.groupby("deal_id"):
            valued = rows[(rows["stage"] == "Closed Won") & rows["deal_value"].notna()]
            won = valued[valued["deal_value"] > 0]
            if won.empty:
                continue
            first, now = won.iloc[0], valued.iloc[-1]
            found[f"closed_won:{deal}"] = {
                "type": "closed_won",
                "at": first["event_timestamp"],
                "person": self.person("crm_contact_id", first["crm_contact_id"]),
                "value": now["deal_value"],
                "currency": now["currency"].upper() if now["currency"] else "Unknown",
                "stands": rows.iloc[-1]["stage"] == "Closed Won" and now["deal_value"] > 0,
            }
        for event, at, person in requests:
            found[f"demo_request:{event}"] = {
                "type": "demo_request",
                "at": at,
                "person": person,
                "value": None,
                "currency": None,
                "stands": True,
            }
        for one in found.values():
            before = [click for click in clicks.get(one["person"], []) if click[0] <= one["at"]]
            one["click"] = max(before)[1:] if before else (None, None)
            one["click_day"] = max(before)[0].normalize() if before else None
            one["status"] = self._status(one)
        return found

    def _web(self) -> tuple[dict[str, list[tuple]], list[tuple]]:
        """Clicks (instant, id, type) by person, and demo requests (event, instant, person)."""
        persons = frame(self.settings, "select event_id, person_id from mart_gold.fct_web_events")
        person_of = persons.set_index("event_id")["person_id"].to_dict()
        rows = self.bronze.latest("web_events", ["event_id"], ["loaded_at"])
        rows = rows[rows["event_timestamp"] < self.end]
        clicks, requests = defaultdict(list), []
        for row in rows.itertuples():
            person = person_of[row.event_id]
            kinds = [k for k in ("gclid", "gbraid", "wbraid") if isinstance(getattr(row, k), str)]
            if kinds:
                clicks[person].append((row.event_timestamp, getattr(row, kinds[0]), kinds[0]))
            if row.event_type == "demo_request":
                requests.append((row.event_id, row.event_timestamp, person))
        return clicks, requests

    def _status(self, one: dict) -> str:
        day, person = one["at"].normalize(), one["person"]
        click_is_valid = one["click_day"] and one["click_day"] + CLICK_DAYS * DAY >= self.as_of
        has_hash = person in self.addresses["google"] or person in self.with_number
        if not one["stands"]:
            return "retracted"
        if person not in self.known:
            return "person not known"
        if not self.consent.get(person):
            return "no consent"
        if one["currency"] == "Unknown":
            return "currency not known"
        if all(day + ages[one["type"]] * DAY < self.as_of for ages in MAX_AGE.values()):
            return "too old"
        return "ready" if has_hash or click_is_valid else "nothing to match"
