"""Every page of docs/tutorials, run as it stands; its numbers computed anew from the files."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.integration.tool_exports import (
    END,
    judged_tickets,
    newest_stages,
    product_events,
    rows,
    stripe_mrr,
)
from tests.integration.tutorial import PAGES, Done, Step, differences, follow, lines, steps_of

from o2r.settings import Settings

MONTH = pd.offsets.MonthBegin(1)
RELEASED = {"report exported", "dashboard viewed", "alert created"}
FULL_EVENTS, FULL_DAYS, FULL_BREADTH = 0.2, 30, 80
"""What docs/tutorials/posthog.md states."""


@pytest.fixture(scope="module")
def done(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """Run a page once: `done(name)`."""
    found: dict[str, Done] = {}

    def run(name: str) -> Done:
        if name not in found:
            found[name] = follow(name, tmp_path_factory.mktemp(name), server)
        return found[name]

    return run


def numbers(answer: pd.DataFrame, key: str) -> pd.DataFrame:
    """An answer by its key, as numbers."""
    found = answer.set_index(key)
    if key in ("month", "week"):
        found.index = pd.to_datetime(found.index)
    return found.apply(pd.to_numeric)


def same(found: pd.DataFrame, expected: pd.DataFrame, tolerance: float) -> None:
    """All numbers of a page agree, those that are rounded within half of their last digit."""
    pd.testing.assert_frame_equal(
        found, expected[list(found.columns)], check_dtype=False, check_names=False,
        check_freq=False, check_index_type=False, atol=tolerance, rtol=0,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["stripe-hubspot", "zendesk", "posthog"])
def test_a_page_prints_what_it_says(done: Callable[[str], Done], name: str) -> None:
    assert differences(done(name)) == []


def test_recurring_revenue_and_retention(done: Callable[[str], Done]) -> None:
    found = numbers(done("stripe-hubspot").answers()[0], "month")
    expected = {}
    for month in found.index:
        now = stripe_mrr(month + MONTH)
        before = {k: mrr for k, mrr in stripe_mrr(month - 11 * MONTH).items() if mrr}
        kept = {account: now.get(account, 0.0) for account in before}
        opening = sum(before.values())
        expected[month] = {
            "mrr": sum(now.values()),
            "paying_accounts": sum(mrr > 0 for mrr in now.values()),
            "nrr_pct": 100 * sum(kept.values()) / opening,
            "grr_pct": 100 * sum(min(kept[one], before[one]) for one in before) / opening,
            "cohort_accounts": len(before),
            "cohort_kept_accounts": sum(mrr > 0 for mrr in kept.values()),
        }
    same(found, pd.DataFrame.from_dict(expected, orient="index"), 0.00501)
    assert found["nrr_pct"].iloc[-1] > found["grr_pct"].iloc[-1]


def test_pipeline_and_win_rate(done: Callable[[str], Done]) -> None:
    _, pipeline, outcomes = done("stripe-hubspot").answers()
    deals = newest_stages()
    still_open = deals[deals["outcome"] == "open"].groupby("stage")["dollars"]
    expected = pd.DataFrame(
        {
            "open_count": still_open.size(),
            "unvalued_count": still_open.apply(lambda value: value.isna().sum()),
            "open_value": still_open.sum(),
        }
    ).reindex(pipeline["stage"], fill_value=0)
    same(numbers(pipeline, "stage"), expected, 0.00501)
    assert len(pipeline) == 3

    closed = deals[deals["outcome"] != "open"].copy()
    closed["month"] = closed["entered"].dt.to_period("M").dt.to_timestamp()
    won = closed[closed["outcome"] == "won"].groupby("month")["dollars"]
    count = closed.groupby("month").size()
    expected = pd.DataFrame(
        {
            "won_count": won.size(),
            "lost_count": count - won.size(),
            "win_rate_pct": 100 * won.size() / count,
            "won_value": won.sum(),
            "won_unvalued_count": won.apply(lambda value: value.isna().sum()),
        }
    )
    same(numbers(outcomes, "month"), expected, 0.0501)


def test_adherence_to_sla(done: Callable[[str], Done]) -> None:
    [answer] = done("zendesk").answers()
    tickets = judged_tickets()
    opened = tickets["opened"].dt.to_period("M").dt.to_timestamp()
    expected = {}
    for month, mine in tickets.groupby(opened):
        met, missed = ((mine["sla"] == state).sum() for state in ("met", "breached"))
        first_met, first_missed = ((mine["first"] == state).sum() for state in ("met", "breached"))
        expected[month] = {
            "ticket_count": len(mine),
            "met_count": met,
            "breached_count": missed,
            "not_judged_count": (mine["sla"] == "not_judged").sum(),
            "sla_pct": 100 * met / (met + missed),
            "first_response_pct": 100 * first_met / (first_met + first_missed),
        }
    same(numbers(answer, "month"), pd.DataFrame.from_dict(expected, orient="index"), 0.0501)


def uses() -> pd.DataFrame:
    """Events of users, without logins."""
    events = pd.DataFrame(product_events())
    return events[events["name"] != "user_logged_in"]


def test_adoption_of_features(done: Callable[[str], Done]) -> None:
    found = numbers(done("posthog").answers()[0], "week")
    used = uses()[lambda events: events["name"].isin(RELEASED)]
    expected = {}
    for week, mine in used.groupby(used["at"].dt.to_period("W").dt.start_time):
        pairs = mine.groupby("account")["name"].nunique()
        expected[week] = {
            "active_accounts": len(pairs),
            "used_features": mine["name"].nunique(),
            "available_features": len(RELEASED),
            "breadth_pct": 100 * mine["name"].nunique() / len(RELEASED),
            "depth_pct": 100 * pairs.sum() / (len(pairs) * len(RELEASED)),
        }
    same(found, pd.DataFrame.from_dict(expected, orient="index"), 0.0501)


def test_health_of_accounts(done: Callable[[str], Done]) -> None:
    """Usage 30, support 20, revenue 25, engagement 25; a third of the last, surveys, is unknown."""
    found = done("posthog").answers()[1].set_index("account_id")
    tiers = found.pop("health_tier")
    events = pd.DataFrame(product_events())
    months = [END - MONTH * back for back in (0, 1, 2, 3)]
    mrr = [stripe_mrr(close) for close in months]
    overdue = {bill["customer"] for bill in rows("stripe/invoices.jsonl") if is_overdue(bill)}
    since, expected = END - pd.Timedelta(days=30), {}
    for account in (account for account, value in mrr[0].items() if value):
        mine = events[(events["account"] == account) & (events["at"] >= since)]
        base = next((one[account] for one in mrr[:0:-1] if one.get(account)), mrr[0][account])
        growth = 100 * (mrr[0][account] / base - 1)
        revenue = 70 + (growth if growth > 0 else 2 * growth)
        revenue -= 20 * (f"cus_{account[1:]}" in overdue)
        parts, coverage = {"revenue_score": (25, np.clip(revenue, 0, 100))}, 25.0
        if len(mine) and mine["at"].min() <= END - pd.Timedelta(days=14):
            seen = events.loc[events["account"] == account, "user"]  # in 90 days, not in 30
            rate = len(mine) / seen.nunique() / 30
            days = 100 * mine["at"].dt.date.nunique() / 30
            breadth = 100 * len(set(mine["name"]) & RELEASED) / len(RELEASED)
            scores = (min(100, 100 * days / FULL_DAYS), min(100, 100 * breadth / FULL_BREADTH))
            parts["usage_score"] = (30, min(100, 100 * rate / FULL_EVENTS))
            parts["engagement_score"] = (25, np.mean(scores))
            coverage += 30 + 25 * 2 / 3
        weight = sum(one for one, _ in parts.values())
        score = sum(one * value for one, value in parts.values()) / weight
        expected[account] = {name: value for name, (_, value) in parts.items()} | {
            "coverage_pct": coverage,
            "health_score": score if coverage >= 50 else np.nan,
        }
    again = pd.DataFrame.from_dict(expected, orient="index").sort_index()
    same(found.apply(pd.to_numeric), again, 0.0601)
    known = again["health_score"].between(40, 60)
    assert tiers.to_dict() == known.map({True: "neutral", False: "unknown"}).to_dict()
    assert again["health_score"].notna().sum() >= 4


def is_overdue(bill: dict) -> bool:
    """Whether a bill of Stripe was tried and is not paid."""
    return bill["status"] == "open" and bill["attempt_count"] > 1


def test_every_page_is_listed_and_every_output_is_said() -> None:
    """A page without outputs would prove nothing."""
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    for page in PAGES.glob("*.md"):
        if page.name == "README.md":
            continue
        assert f"({page.name})" in index
        steps = steps_of(page)
        said = [step for step in steps if step.prints]
        asked = [step for step in steps if "o2r sql" in step.commands]
        assert asked, page.name
        assert all(step.prints for step in asked), page.name
        assert any("--check" in step.commands for step in said), page.name


def test_what_a_page_says_wrongly_is_found() -> None:
    printed = lines(" a   b\n ───\n 1   2\n 3   4\n")
    right = ("a b\n1 2\n3 4", "a b\n...\n3 4", "...")
    for said in (*right, "a b\n1 2", "a b\n1 3\n3 4", "...\n3 4\n1 2"):
        one = Done([Step("o2r sql", lines(said))], [printed], None)
        assert (differences(one) == []) == (said in right), said
