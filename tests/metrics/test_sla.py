"""sla_adherence against a recomputation in pandas, under the shipped targets and under others."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.support import CLOCKS, adherence, judged_tickets
from tests.metrics.recompute.tables import MEMBER, PERIOD
from tests.metrics.warehouse import clone, execute, frame, run_models, small_gold

from o2r.settings import Settings

DIMENSIONS = ("priority", "category", "segment", "plan_tier", "region")
COLUMNS = {
    "ticket_count": "tickets",
    "met_count": "met",
    "breached_count": "breached",
    "active_count": "active",
    "not_judged_count": "not_judged",
    "mean_resolution_hours": "mean",
    "median_resolution_hours": "median",
    "p90_resolution_hours": "p90",
    "mean_csat": "csat",
    "first_response_met_count": "first_response_met",
    "first_response_breached_count": "first_response_breached",
    "first_response_active_count": "first_response_active",
    "first_response_not_judged_count": "first_response_not_judged",
}
"""Column of the mart: column of the recomputation."""
LAST_DIGIT = 1.1e-6  # hours of a ticket and their mean are each rounded to six decimals
# p2 changes its clock, p3 has no target, p4 is promised no first answer
PROMISES = """
truncate raw_bronze.sla_targets;
insert into raw_bronze.sla_targets
    (priority, valid_from, clock, schedule, first_response_hours, resolution_hours)
values
    ('p1', '2000-01-01', 'business', 'night', 0.5, 6),
    ('p2', '2000-01-01', 'calendar', 'standard', 2, 20),
    ('p2', '2026-10-15', 'business', 'standard', 1.5, 8),
    ('p4', '2026-08-01', 'business', 'standard', null, 20)
"""
# the clocks of both schedules change within the demo, in opposite directions
OPENING_HOURS = """
truncate raw_bronze.support_schedules, raw_bronze.support_hours, raw_bronze.support_holidays;
insert into raw_bronze.support_schedules (schedule, time_zone) values
    ('standard', 'Europe/Berlin'), ('night', 'Pacific/Auckland');
insert into raw_bronze.support_hours (schedule, weekday, valid_from, opens_minute, closes_minute)
values
    ('standard', 1, '2000-01-01', 510, 990), ('standard', 2, '2000-01-01', 510, 990),
    ('standard', 1, '2026-10-20', 600, 1110), ('standard', 2, '2026-10-20', 600, 1110),
    ('standard', 4, '2000-01-01', 480, 1020), ('standard', 5, '2026-09-01', 480, 1020),
    ('standard', 5, '2026-10-01', null, null),
    ('night', 3, '2000-01-01', 0, 1440), ('night', 6, '2000-01-01', 0, 1440),
    ('night', 7, '2000-01-01', 0, 1440);
insert into raw_bronze.support_holidays (schedule, holiday_date, holiday_name) values
    ('standard', '2026-10-26', 'Closed'), ('night', '2026-11-14', 'Closed'),
    ('night', '2026-11-07', null);
"""


def assert_mart_equals(settings: Settings, tickets: pd.DataFrame) -> None:
    """Every row of the mart, by every clock and member, once more from judged tickets."""
    mart = frame(settings, "select * from mart_gold.sla_adherence")
    mart["period_start"] = pd.to_datetime(mart["period_start"])
    for clock in CLOCKS:
        again = adherence(tickets, clock, DIMENSIONS)
        rows = mart[mart["clock"] == clock].merge(
            again, on=PERIOD + MEMBER, how="outer", indicator=True
        )
        assert len(rows) > 100
        alone = rows[rows["_merge"] != "both"]
        assert alone.empty, alone[[*PERIOD, *MEMBER, "_merge"]].head(10)
        for column, name in COLUMNS.items():
            gold, wanted = rows[column].astype(float), rows[name].astype(float)
            wrong = rows[~np.isclose(gold, wanted, rtol=1e-9, atol=LAST_DIGIT, equal_nan=True)]
            assert wrong.empty, f"{clock}:\n{wrong[[*PERIOD, *MEMBER, column, name]].head()}"


def state_counts(tickets: pd.DataFrame) -> dict[str, set[str]]:
    """States that occur, by wait and clock."""
    return {
        f"{wait}_{clock}": set(tickets[f"{wait}_{clock}"])
        for wait in ("sla", "first_response")
        for clock in CLOCKS
    }


@pytest.fixture(scope="module")
def tickets(company: Company) -> pd.DataFrame:
    return judged_tickets(company)


def test_every_row_again(small: Settings, tickets: pd.DataFrame) -> None:
    assert_mart_equals(small, tickets)


def test_the_company_exercises_every_state(tickets: pd.DataFrame) -> None:
    every = {"met", "breached", "active", "not_judged"}
    assert all(states == every for states in state_counts(tickets).values())
    assert (tickets["sla_calendar"] != tickets["sla_business"]).any()


def test_a_ticket_keeps_the_owner_of_its_creation(small: Settings) -> None:
    """Owner and segment come from the version in force at the creation, whatever came later."""
    rows = frame(
        small,
        """
        select
            fact.owner_name_as_of_event = version.owner_name
                and fact.segment_as_of_event = version.segment as is_right,
            fact.segment_as_of_event <> now.segment as has_moved
        from mart_gold.fct_tickets as fact
        join mart_gold.dim_account as now using (account_id)
        join intermediate_silver.int_account_history as version
            on version.account_id = fact.account_id
            and fact.created_at >= version.valid_from_at and fact.created_at < version.valid_to_at
        """,
    )
    assert rows["is_right"].all()
    assert rows["has_moved"].any(), "no account of a ticket changed its segment"


@pytest.fixture(scope="module")
def other_policy(new_database: Callable[[], Settings]) -> Settings:
    """The small company under PROMISES and OPENING_HOURS."""
    settings = clone(small_gold(new_database), "small_policy")
    execute(settings, PROMISES)
    execute(settings, OPENING_HOURS)
    models = ["int_support_schedule", "int_support_day", "int_ticket_state", "fct_tickets"]
    run_models(settings, "--select", *models, "sla_adherence", "int_ticket_deadline")
    return settings


def test_every_row_again_under_other_targets(other_policy: Settings) -> None:
    tickets = judged_tickets(Company(other_policy))
    assert set(tickets["clock"].dropna()) == {"calendar", "business"}
    assert {"met", "breached", "not_judged"} <= set(tickets["sla_policy"])
    assert_mart_equals(other_policy, tickets)


def test_a_deadline_is_missed_when_the_state_says_so(other_policy: Settings) -> None:
    """Deadlines are counted forward through opening hours, states from the time that has passed."""
    rows = frame(
        other_policy,
        """
        select
            states.sla_clock, states.sla_state = 'breached' as is_breached,
            coalesce(
                deadlines.due_at < coalesce(states.resolved_at, as_of_end_at), false
            ) as is_missed
        from intermediate_silver.int_ticket_state as states
        join intermediate_silver.int_ticket_deadline as deadlines using (ticket_id)
        cross join intermediate_silver.int_as_of
        where states.sla_state <> 'not_judged'
        """,
    )
    assert (rows["is_breached"] == rows["is_missed"]).all()
    assert rows.groupby("sla_clock")["is_missed"].nunique().to_dict() == {
        "business": 2,
        "calendar": 2,
    }
