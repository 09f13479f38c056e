"""The exports of examples/tools as pandas and Python read them, without O2R."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "tools"
END = pd.Timestamp("2026-01-01")
"""Day of the exports; the as-of day is the one before it."""
TARGETS = {"urgent": 24, "high": 48, "normal": 72, "low": 80}
PER_MONTH = {"month": 1, "year": 1 / 12, "week": 52 / 12}
FIRST_TARGETS = {"urgent": 1, "high": 2, "normal": 4, "low": 8}
LEVELS = {"urgent": "p1", "high": "p2", "normal": "p3", "low": "p4"}
STAGES = {
    "Appointment Scheduled": "Qualification",
    "Qualified To Buy": "Qualification",
    "Presentation Scheduled": "Proposal",
    "Decision Maker Bought-In": "Proposal",
    "Contract Sent": "Negotiation",
}
"""Label of a stage of HubSpot's own pipeline: stage of O2R."""


def rows(path: str | Path, key: str = "data") -> list[dict]:
    """The objects of a JSON file, however they are written."""
    text, found = (EXAMPLE / path).read_text(), []
    while text.strip():
        document, end = json.JSONDecoder().raw_decode(text.lstrip())
        text = text.lstrip()[end:]
        if isinstance(document, dict):
            document = document.get(key, [document])
        found += document
    return found


def csv_of(path: str) -> pd.DataFrame:
    return pd.read_csv(EXAMPLE / path, dtype=str, keep_default_na=False)


def account_of(tool: str) -> dict[str, str]:
    ids = csv_of("account_ids.csv")
    return {own: account for own, account in zip(ids[tool], ids["account_id"], strict=True) if own}


def dollars(amount: float, currency: str, day: pd.Timestamp) -> float:
    rates = pd.read_csv(ROOT / "dbt" / "seeds" / "exchange_rates.csv", parse_dates=["valid_from"])
    mine = rates[(rates["currency_code"] == currency.upper()) & (rates["valid_from"] <= day)]
    return amount * mine.sort_values("valid_from")["usd_per_unit"].iloc[-1]


def moment(seconds: int | str) -> pd.Timestamp:
    if isinstance(seconds, str):
        return pd.Timestamp(seconds).tz_convert("UTC").tz_localize(None)
    return pd.Timestamp(datetime.fromtimestamp(seconds, UTC)).tz_localize(None)


def units(amount: float, currency: str) -> float:
    return amount if currency.upper() == "JPY" else amount / 100


def worth(state: dict) -> float:
    """What a state of a Stripe subscription is worth a month, in its currency."""
    if state["status"] not in ("active", "past_due") or state["pause_collection"]:
        return 0.0
    total, months = 0.0, 1.0
    for one in state["items"]["data"]:
        price, every = one["price"], one["price"]["recurring"]
        months = every["interval_count"] / PER_MONTH[every["interval"]]
        if every["usage_type"] == "licensed":
            total += price["unit_amount"] * one.get("quantity", 1) / months
    offers = [state["discount"], *state.get("discounts", [])]
    for offer in (one["coupon"] for one in offers if one):
        if offer["duration"] == "forever":
            total *= 1 - offer.get("percent_off", 0) / 100
            total -= offer.get("amount_off", 0) / months
    return units(total, state["currency"])


def stripe_mrr(close: pd.Timestamp) -> dict[str, float]:
    """MRR by account at the end of a month: the newest state by then, or else the first one."""
    states: dict[str, dict] = {}
    for state in rows("stripe/subscriptions.jsonl"):
        is_first = state["id"] not in states and moment(state["start_date"]) < close
        if moment(state["updated"]) < close or is_first:
            states[state["id"]] = state
    accounts, found = account_of("stripe"), {}
    for state in states.values():
        is_tiered = state["items"]["data"][0]["price"]["billing_scheme"] == "tiered"
        if state["livemode"] and not is_tiered and state["status"] != "incomplete_expired":
            value = dollars(worth(state), state["currency"], moment(state["start_date"]))
            found[accounts[state["customer"]]] = value
    return found


def chargebee_mrr(close: pd.Timestamp) -> dict[str, float]:
    found = {}
    for state in rows("chargebee/subscription.json"):
        if moment(state["updated_at"]) < close and state["status"] != "future":
            is_paid = state["status"] in ("active", "non_renewing")
            value = units(state["mrr"], state["currency_code"]) if is_paid else 0
            start = moment(state["started_at"])
            found[state["customer_id"]] = dollars(value, state["currency_code"], start)
    return found


def newest_stages() -> pd.DataFrame:
    """Newest stage of each deal of HubSpot that is not deleted: outcome, stage, entered, dollars.

    stage: the stage of O2R that an open deal is in. dollars: NaN where no amount is known.
    """
    history, deals = csv_of("hubspot/deal_stage.csv"), csv_of("hubspot/deal.csv")
    kinds = csv_of("hubspot/deal_pipeline_stage.csv").set_index("stage_id")
    visits = history.sort_values("date_entered").groupby("deal_id")
    newest, created = visits.last(), visits["date_entered"].first()
    deals = deals[deals["is_deleted"] != "True"].set_index("deal_id")
    found = {}
    for deal, one in deals.iterrows():
        kind = kinds.loc[newest.loc[deal, "value"]]
        day = pd.Timestamp(created[deal])  # whose rate of exchange counts
        outcome = "lost" if kind["is_closed"] == "True" else "open"
        amount = float(one["property_amount"] or "nan")
        found[deal] = {
            "outcome": "won" if kind["closed_won"] == "True" else outcome,
            "stage": STAGES.get(kind["label"], kind["label"]),
            "entered": pd.Timestamp(newest.loc[deal, "date_entered"]),
            "dollars": dollars(amount, one["property_deal_currency_code"], day),
        }
    return pd.DataFrame.from_dict(found, orient="index")


def judged_tickets(folder: Path = Path("zendesk")) -> pd.DataFrame:
    """Tickets of Zendesk that are of an organization, by id: how they stand at the end.

    sla: met, breached, active, or not_judged where no priority is set. first: the same for the
    first reply. answered: hours to it.
    """
    told = rows(folder / "ticket_metrics.json", "ticket_metrics")
    metrics = {one["ticket_id"]: one for one in told}
    found = {}
    for ticket in rows(folder / "tickets.json", "tickets"):
        if ticket["status"] == "deleted" or ticket["organization_id"] is None:
            continue
        is_solved = ticket["status"] in ("solved", "closed")
        solved = metrics[ticket["id"]]["solved_at"] if is_solved else None
        opened, priority = moment(ticket["created_at"]), ticket["priority"]
        hours = ((moment(solved) if solved else END) - opened) / pd.Timedelta(hours=1)
        minutes = metrics[ticket["id"]]["reply_time_in_minutes"]["calendar"]
        answered = minutes / 60 if minutes else float("nan")
        waited = answered if minutes else (END - opened) / pd.Timedelta(hours=1)
        first = _state(waited, FIRST_TARGETS.get(priority), bool(minutes))
        if solved and not minutes:
            first = "not_judged"  # nobody had to answer it
        found[str(ticket["id"])] = {
            "opened": opened,
            "priority": LEVELS.get(priority, "Unknown"),
            "is_resolved": bool(solved),
            "answered": answered,
            "sla": _state(hours, TARGETS.get(priority), bool(solved)),
            "first": first,
        }
    return pd.DataFrame.from_dict(found, orient="index")


def _state(hours: float, target: float | None, is_done: bool) -> str:
    if target is None:
        return "not_judged"
    return "breached" if hours > target else "met" if is_done else "active"


def product_events() -> Iterator[dict]:
    """What users of a company did by name in PostHog, logins too: account, user, name, instant."""
    accounts = account_of("posthog")
    for event in rows("posthog/events.jsonl"):
        group = event["properties"].get("$groups", {}).get("company")
        if not event["event"].startswith("$") and group:
            yield {
                "account": accounts.get(group, group),
                "user": event["distinct_id"],
                "name": event["event"],
                "at": moment(event["timestamp"]),
            }
