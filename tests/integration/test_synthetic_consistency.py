"""Clean synthetic data agree across tables: money, tokens, contracts, tickets, capacity."""

import itertools
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from o2r.synthetic import SimulationConfig, generate
from o2r.synthetic.catalog import MODELS, NOT_OFFERED, TOKEN_CLASSES
from o2r.synthetic.schemas import TABLES

END = date(2026, 11, 21)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> dict[str, pa.Table]:
    folder = tmp_path_factory.mktemp("synthetic") / "demo"
    generate(SimulationConfig(end_date=END, accounts=120, weeks=20, events=60_000), folder)
    return {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}


def numbers(table: pa.Table, column: str) -> np.ndarray:
    return table[column].cast(pa.float64()).to_numpy()


def test_accounts_are_known_and_used_only_after_sign_up(demo):
    details = demo["customer_details"].group_by("account_id").aggregate([("date_created", "min")])
    signup = dict(zip(*(details[c].to_pylist() for c in details.column_names), strict=True))
    for name, account, instant in (
        ("inference_user_token_usage_open_source", "account_id", "event_timestamp"),
        ("inference_user_token_usage_proprietary", "account_id", "event_timestamp"),
        ("product_usage_events", "crm_account_id", "event_timestamp"),
        ("support_tickets", "account_id", "created_at"),
        ("csat_responses", "account_id", "answered_at"),
        ("subscriptions", "crm_account_id", "event_timestamp"),
        ("onboarding_step_events", "account_id", "event_timestamp"),
    ):
        first = demo[name].group_by(account).aggregate([(instant, "min")])
        for who, when in zip(
            *(first[c].to_pylist() for c in (account, f"{instant}_min")), strict=True
        ):
            assert when >= signup[who], (name, who)


def test_accelerators_add_up(demo):
    table = demo["resource_accelerator_inventory"]
    parts = [table[f"{kind}_instances"].to_numpy() for kind in ("idle", "warmpool", "used")]
    assert min(part.min() for part in parts) >= 0
    assert (sum(parts) == table["total_instances"].to_numpy()).all()


def test_utilisation_is_a_ratio_that_crosses_the_review_trigger(demo):
    table = demo["resource_model_utilization"]
    ratio = numbers(table, "util_ratio")
    expected = table["actual_concurrency"].to_numpy() / table["pod_max_concurrency"].to_numpy()
    assert np.allclose(ratio, expected, atol=1e-6)
    assert ratio.min() >= 0
    assert ratio.max() <= 1
    assert 0.01 < np.mean(ratio > 0.8) < 0.3


def test_requests_use_offered_models_and_failed_ones_carry_no_tokens(demo):
    families = {m.name: m.is_open_source for m in MODELS}
    for name, is_open in (("open_source", True), ("proprietary", False)):
        table = demo[f"inference_user_token_usage_{name}"]
        pairs = table.group_by(["model_variant", "source_region"]).aggregate([])
        for row in pairs.to_pylist():
            assert families[row["model_variant"]] is is_open
            assert (row["model_variant"], row["source_region"]) not in NOT_OFFERED
        failed = table.filter(pc.is_valid(table["error_code"]))
        assert set(failed["error_code"].to_pylist()) == {"E429", "E503", "E500", "E400"}
        assert pc.sum(failed["input_tokens"]).as_py() == 0
        assert pc.min(table["latency_ms"]).as_py() > 0


def test_local_time_is_utc_plus_a_whole_number_of_hours(demo):
    table = demo["inference_user_token_usage_open_source"]
    utc = table["event_timestamp"].cast(pa.int64()).to_numpy()
    local = table["local_timestamp"].cast(pa.int64()).to_numpy()
    hours = np.unique((local - utc) / 3_600e6)
    assert set(hours) <= {-5, -3, 0, 1, 5, 8, 9, 10}


def weekly(rows: list[dict], day: str, amount) -> Counter:
    """Sum of amount(row) by account and ISO week."""
    found: Counter = Counter()
    for row in rows:
        found[row["account_id"], row[day].isocalendar()[:2]] += amount(row)
    return found


def test_revenue_is_delivered_tokens_at_list_price(demo):
    """Gross revenue over tokens delivered is the same in all complete weeks of an account."""
    tokens: Counter = Counter()
    kinds = [f"{kind}_tokens" for kind in TOKEN_CLASSES]
    for feed in ("open_source", "proprietary"):
        table = demo[f"inference_user_token_usage_{feed}"]
        rows = table.select(["account_id", "event_timestamp", *kinds]).to_pylist()
        tokens += weekly(rows, "event_timestamp", lambda row: sum(row[k] for k in kinds))
    latest: dict[tuple, dict] = {}
    for row in demo["revenue_account_daily"].sort_by("snapshot_date").to_pylist():
        latest[row["account_id"], row["model_variant"], row["region"], row["revenue_date"]] = row
    assert len(latest) < len(demo["revenue_account_daily"])
    gross = [f"gross_revenue_{kind}" for kind in kinds]
    revenue = weekly(list(latest.values()), "revenue_date", lambda row: sum(row[g] for g in gross))
    committed = {row["account_id"] for row in latest.values() if row["model_variant"] == "none"}
    assert committed

    prices: dict[str, list[float]] = {}
    for (account, week), amount in tokens.items():
        complete = (2026, 28) <= week < END.isocalendar()[:2]
        if complete and amount > 1e6 and account not in committed:
            prices.setdefault(account, []).append(float(revenue[account, week]) / amount)
    assert len(prices) > 50
    for account, values in prices.items():
        assert np.ptp(values) < 1e-4 * np.mean(values), account


def test_snapshots_correct_some_days_later(demo):
    table = demo["revenue_account_daily"]
    delay = np.array(table["snapshot_date"]) - np.array(table["revenue_date"])
    days = delay.astype("timedelta64[D]").astype(int)
    assert days.min() == 1
    assert days.max() <= 9
    assert 0.005 < np.mean(days > 1) < 0.03


def subscription_events(demo) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for row in demo["subscriptions"].to_pylist():
        found.setdefault(row["subscription_id"], []).append(row)
    return found


def test_subscription_lifecycle(demo):
    seen = set()
    for events in subscription_events(demo).values():
        states = [event["status"] for event in events]
        instants = [event["event_timestamp"] for event in events]
        assert instants == sorted(instants)
        assert re.fullmatch(r"t?a*[ce]?", "".join(state[0] for state in states)), states
        for event in events:
            assert event["arr"] == 12 * event["mrr"]
            assert (event["mrr"] > 0) == (event["status"] == "active") or event[
                "status"
            ] != "active"
            ended = event["status"] in ("cancelled", "expired")
            assert (event["cancellation_date"] is not None) == ended
            if ended:
                assert event["cancellation_date"] >= event["event_timestamp"]
                seen.add(
                    "notice" if event["cancellation_date"] > event["event_timestamp"] else "now"
                )
        amounts = [event["mrr"] for event in events if event["status"] == "active"]
        for before, after in itertools.pairwise(amounts):
            seen.add("expansion" if after > before else "contraction")
        seen |= {events[0]["plan_type"], *states}
    assert seen >= {
        "trial", "active", "cancelled", "expired", "monthly", "annual",
        "expansion", "contraction", "notice", "now",
    }  # fmt: skip


def test_invoices_charge_the_contract_value_in_force(demo):
    subscriptions = subscription_events(demo)
    charged: dict[str, list[dict]] = {}
    for row in demo["invoices"].to_pylist():
        charged.setdefault(row["invoice_id"], []).append(row)
    for invoice, states in charged.items():
        contract = subscriptions["sub-" + invoice[4:].rsplit("-", 1)[0]]
        day = states[0]["invoice_date"]
        active = [e for e in contract if e["status"] == "active"]
        value = [e for e in active if e["event_timestamp"].date() <= day][-1]
        months = 12 if value["plan_type"] == "annual" else 1
        assert states[0]["amount"] == months * value["mrr"]
        assert states[0]["currency"] == value["currency"]
        assert states[0]["account_id"] == value["crm_account_id"]
        assert [s["status"] for s in states] in (
            ["paid"],
            ["void"],
            ["overdue"],
            ["overdue", "paid"],
        )
    assert sum(len(states) == 2 for states in charged.values()) > 0


def test_inactive_accounts_have_no_contract_left(demo):
    state = {row["account_id"]: row["is_active"] for row in demo["customer_details"].to_pylist()}
    now = datetime(END.year, END.month, END.day, tzinfo=UTC) + timedelta(days=1)
    running = {
        events[-1]["crm_account_id"]
        for events in subscription_events(demo).values()
        if events[-1]["cancellation_date"] is None or events[-1]["cancellation_date"] >= now
    }
    direct = {account for account, active in state.items() if active}
    assert running == direct
    assert 0 < len(direct) < len(state)


def test_incident_downtime_is_the_length_of_an_outage(demo):
    resolved = [r for r in demo["platform_incidents"].to_pylist() if r["resolved_at"]]
    outages = [row for row in resolved if row["downtime_minutes"] > 0]
    assert 0 < len(outages) < len(resolved)
    for row in outages:
        length = (row["resolved_at"] - row["started_at"]).total_seconds() / 60
        assert float(row["downtime_minutes"]) == length <= 180


def test_tickets_grow_by_states(demo):
    seen, answered = set(), set()
    for row in demo["support_tickets"].to_pylist():
        seen.add(row["status"])
        assert (row["resolved_at"] is not None) == (row["status"] == "resolved")
        assert row["csat"] is None or 1 <= row["csat"] <= 5
        assert row["last_updated"] >= row["created_at"]
        if row["first_response_at"]:
            assert row["created_at"] <= row["first_response_at"] <= row["last_updated"]
            answered.add(row["status"])
    assert answered == {"open", "escalated", "resolved"}, "an answer is told when it is given"
    assert seen == {"open", "escalated", "resolved"}


def test_number_of_requests_is_about_what_was_asked_for(demo):
    delivered = sum(
        len(demo[f"inference_user_token_usage_{feed}"]) for feed in ("open_source", "proprietary")
    )
    assert delivered == pytest.approx(60_000, rel=0.05)
