"""is_final once more, in pandas: the period is whole, its window over, nothing of it still open."""

import pandas as pd
import pytest
from tests.metrics.recompute import Company, success
from tests.metrics.recompute.company import resolved_tickets
from tests.metrics.recompute.expansion import DAYS_TO_STATE, waiting_promises
from tests.metrics.recompute.onboarding import used_regions
from tests.metrics.recompute.prices import WINDOW_DAYS
from tests.metrics.recompute.support import judged_tickets
from tests.metrics.recompute.tables import (
    ACCOUNT_DIMENSIONS,
    ADOPTION_DAYS,
    DAY,
    FLOW_DAYS,
    MEMBER,
    PERIOD,
    by_member,
    by_period,
)
from tests.metrics.test_recomputed import METRICS

from o2r.dashboards.definitions import Card
from o2r.dashboards.metrics import LATEST
from o2r.dashboards.read import read_definitions
from o2r.dashboards.site.gold import Gold
from o2r.dashboards.site.metric_pages import MetricPages
from o2r.demo.run import HEADLINE, headline
from o2r.settings import Settings

WINDOWS = {
    "adoption_rate_pct": ADOPTION_DAYS,
    "abandonment_rate_pct": FLOW_DAYS,
    **success.WINDOWS,
    "account_activation_rate_pct": 14,
    "lead_qualification_rate_pct": 30,
    "event_lead_conversion_rate_pct": 90,
    "blog_to_signup_rate_pct": 30,
    "organic_to_signup_rate_pct": 30,
    "email_conversion_rate_pct": 30,
    "outreach_response_rate_pct": 14,
    "outcome_achievement_rate_pct": DAYS_TO_STATE,
    "cost_savings_attributed": DAYS_TO_STATE,
    "revenue_growth_attributed": DAYS_TO_STATE,
    "price_sensitivity_score": WINDOW_DAYS,
    "journey_completion_rate_pct": FLOW_DAYS,
    "post_release_adoption_rate_pct": 30,
}
"""Days after the end of a period within which the value may change."""
RARE = {"renewal_rate_pct"}
"""Nothing of it falls into the last weeks of the company."""


def open_tickets(company: Company, metric: str) -> pd.DataFrame:
    """Tickets that will change the metric, per period and member: column `open`."""
    if metric in ("ticket_resolution_hours", "cs_score"):
        rows = resolved_tickets(company)
        rows = rows[rows["resolved"] == 0]
    else:
        wait = "first_response" if metric.startswith("first_response") else "sla"
        rows = judged_tickets(company)
        rows = rows[rows[f"{wait}_policy"] == "active"]
    long = by_member(by_period(rows, "at"), ACCOUNT_DIMENSIONS)
    return long.groupby(PERIOD + MEMBER).size().rename("open").reset_index()


def open_incidents(company: Company, metric: str, row: pd.Series) -> int:
    """Incidents that will change the metric, of the period and member of a row."""
    region = row["dimension_value"] if row["dimension"] == "region" else "all"
    rows = company.outages_of(region)
    rows = rows[rows["resolved"].isna() & (rows["at"] < row["seen_until"])]
    if metric == "mttr_minutes":
        return int((rows["at"] >= row["period_start"]).sum())
    return int(rows["downtime_minutes"].isna().sum())


@pytest.mark.parametrize("metric", METRICS)
def test_of_a_metric(metric: str, metric_values: pd.DataFrame, company: Company) -> None:
    rows = metric_values[metric_values["metric"] == metric]
    rows = rows.merge(company.periods[[*PERIOD, "end", "seen_until"]], on=PERIOD)
    still_open = pd.Series(0, rows.index)
    if metric in (
        *("ticket_resolution_hours", "cs_score"),
        *("sla_adherence_pct", "first_response_adherence_pct"),
    ):
        waiting = open_tickets(company, metric)
        still_open += rows.merge(waiting, on=PERIOD + MEMBER, how="left")["open"].fillna(0)
    waiting = success.still_open(company, metric)
    if metric == "uptime_sla_adherence_pct":
        waiting = waiting_promises(company)
    if waiting is not None:
        still_open += rows.merge(waiting, on=PERIOD + MEMBER, how="left")["open"].fillna(0)
    if metric in ("uptime_pct", "mttr_minutes", "cs_score"):
        still_open += rows.apply(lambda row: open_incidents(company, metric, row), axis=1)
    if metric == "onboarding_uptime_pct":
        waiting = used_regions(company)[[*PERIOD, *MEMBER, "open"]]
        still_open += rows.merge(waiting, on=PERIOD + MEMBER, how="left")["open"]
    final_day = rows["end"] - DAY + WINDOWS.get(metric, 0) * DAY
    final = rows["is_complete"] & (final_day <= company.as_of) & (still_open == 0)

    assert (pd.to_datetime(rows["final_date"]) == final_day).all()
    assert (rows["open_count"] == still_open).all()
    wrong = rows[rows["is_final"] != final]
    assert wrong.empty, wrong.head(10)
    assert final.any()
    if metric in WINDOWS and metric not in RARE:
        assert (rows["is_complete"] & ~rows["is_final"]).any(), "no value waits for its window"


def test_every_reader_tells_the_same_final_number(
    metric_values: pd.DataFrame, small: Settings
) -> None:
    """Front page, metric page, weekly review and `o2r headline`: the newest final week."""
    definitions = read_definitions(small)
    rows = metric_values[metric_values["is_final"] & (metric_values["dimension"] == "all")]
    rows = rows[rows["grain"] == "week"].sort_values("period_start")
    rows = rows.drop_duplicates("metric", keep="last").set_index("metric")
    stored = {
        metric: (str(row["period_start"].date()), round(row["value"], 6))
        for metric, row in rows.iterrows()
    }
    with Gold(small, "prod") as gold:
        made = MetricPages(small, gold, definitions)
        by_key = {one["metric"]: one for one in made.metrics}
        names = {one["metric"]: one["metric_name"] for one in made.metrics}
        front = {card.metric: newest(gold, card) for card in made.front().cards if card.metric}
        pages = {
            metric: newest(gold, card)
            for metric in stored
            for card in made.board(by_key[metric]).cards
            if card.name == "Newest week"
        }
        board = definitions.dashboards["weekly_business_review"]
        review = next(card for card in board.cards if card.name.startswith("How did each metric"))
        found = gold.card(review, board.name)
    places = {name: place for place, name in enumerate(found.kinds)}
    told = {
        row[places["metric_name"]]: (row[places["final_week"]], float(row[places["this_week"]]))
        for row in found.rows
        if row[places["week"]] == LATEST
    }
    assert pages == stored
    assert front == {metric: stored[metric] for metric in front}
    assert len(front) == 8
    assert told == {names[metric]: value for metric, value in stored.items()}
    for name, value, _, _, week in headline(small):
        [metric] = [one for one in HEADLINE if names[one] == name]
        assert str(week) == stored[metric][0]
        assert abs(float(value) - stored[metric][1]) <= 0.005
    assert len({week for week, _ in stored.values()}) > 1, "no metric waits for its window"


def test_front_and_metric_pages_judge_by_the_same_target(small: Settings) -> None:
    """Each card of a metric is judged by the target that the company states, or by none."""
    with Gold(small, "prod") as gold:
        made = MetricPages(small, gold, read_definitions(small))
        available = [one for one in made.metrics if one["status"] == "available"]
        boards = [made.front(), *(made.board(one) for one in available)]
        goals = {(card.metric, card.goal) for board in boards for card in board.cards}
        stated = gold.targets
    assert goals - {(None, None)} == {(m, stated.get(m)) for m in {m for m, _ in goals} - {None}}
    assert ("nrr_pct", 100.0) in goals
    assert ("mrr", None) in goals


def newest(gold: Gold, card: Card) -> tuple[str, float]:
    """Period and value of the row that a number shows without a choice."""
    found = gold.card(card, card.name)
    places = {name: place for place, name in enumerate(found.kinds)}
    rows = [row for row in found.rows if "slice" not in places or row[places["slice"]] == "All"]
    return rows[-1][places["period_start"]], float(rows[-1][places["value"]])
