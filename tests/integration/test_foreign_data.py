"""docs/tutorials/crm-exports.md, run as it stands: a CRM's exports, recomputed without O2R."""

from datetime import date
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from tests.integration.crm_exports import EXAMPLE, MAPPING, MONTH, TIERS, Crm, at, euros, generator
from tests.integration.tutorial import Done, differences, follow
from tests.metrics.cards import PLACES, rows_of
from tests.metrics.warehouse import clone, execute, frame, run_models

from o2r.bronze.loader import load
from o2r.health import WRONG, examine
from o2r.settings import Settings

FILLED = {
    "subscriptions": {
        *("mrr", "arr", "arr_opening", "arr_new", "arr_reactivation", "arr_expansion"),
        *("arr_contraction", "arr_churn", "nrr_pct", "grr_pct", "logo_retention_pct"),
        *("logo_churn_rate_pct", "cltv", "cltv_observed", "tier_upgrade_rate_pct"),
        "signup_to_first_payment_days",
    },
    "invoices as revenue": {
        *("weekly_revenue", "monthly_revenue", "weekly_growth_rate_pct", "ytd_revenue", "arpa"),
        *("monthly_growth_rate_pct", "cwgr_pct", "active_accounts", "retention_rate_pct"),
        "tier_adoption_rate_pct",
    },
    "accounts": {"weekly_signups", "monthly_signups"},
    "tickets": {
        *("ticket_volume", "platform_ticket_volume", "ticket_resolution_hours"),
        *("sla_adherence_pct", "support_satisfaction_score", "tickets_per_account"),
    },
    "usage": {"internal_user_growth_pct"},
}
"""Metrics of the catalogue that the five exports can give, and what gives them."""
EMPTY_CARDS = {
    "revenue": {"Weekly growth required to reach the target"},
    "revenue_retention": {
        "How many annual contracts are renewed?",
        "When is how much up for renewal?",
        "Which renewals are overdue, or due in the next 90 days?",
    },
    "support_sla": {"First-response adherence", "Do we answer in time?"},
    "operational": ...,
    "o2r_chain": ...,
}
"""Cards without rows, by dashboard; `...` is all: no requests and no incidents are exported."""
GOLD = {
    "waterfall": "select * from mart_gold.mrr_waterfall where grain = 'month' "
    "and dimension = 'all' order by period_start",
    "retention": "select * from mart_gold.nrr_summary where grain = 'month' "
    "and dimension = 'all' order by period_start",
    "mrr": "select account_id, month_start, mrr from mart_gold.fct_subscription_month",
    "sla": "select * from mart_gold.sla_adherence where grain = 'month' and dimension = 'all' "
    "and clock = 'policy' order by period_start",
    "tickets": "select ticket_id, is_open, sla_state from mart_gold.fct_tickets",
    "targets": "select metric from mart_gold.metric_catalog where target is not null",
    "pace": "select annual_target, target_attainment_pct, required_weekly_growth_pct, ytd_revenue "
    "from mart_gold.revenue_target_pace",
    "health": "select * from mart_gold.customer_health_scores where is_latest",
    "accounts": "select account_id, plan_tier, plan_tier_source, crm_plan_tier, segment, "
    "country_code, is_active, signed_up_date from mart_gold.dim_account "
    "where account_id <> 'Unknown'",
}


@pytest.fixture(scope="module")
def made() -> ModuleType:
    return generator()


@pytest.fixture(scope="module")
def page(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The tutorial, run from an empty folder."""
    return follow("crm-exports", tmp_path_factory.mktemp("tutorial"), server)


@pytest.fixture(scope="module")
def first(page: Done, made: ModuleType) -> tuple:
    """The committed exports, loaded, built and tested: (warehouse, exports, gold)."""
    settings = page.settings
    crm = Crm({path.name: path.read_bytes() for path in EXAMPLE.glob("*.csv")}, made.EXPORTED)
    return settings, crm, {name: frame(settings, query) for name, query in GOLD.items()}


@pytest.fixture(scope="module")
def facts(first: tuple) -> dict[str, pd.DataFrame]:
    """What else the first state of gold holds, read before the second export comes."""
    settings = first[0]
    queries = {
        "metrics": "select distinct metric from mart_gold.metric_values",
        "catalog": "select metric from mart_gold.metric_catalog",
        "revenue": "select period_start, net_revenue from mart_gold.revenue_summary "
        "where grain = 'month' and dimension = 'all' order by 1",
        "usage": "select account_id, feature_name, usage_date, event_count, user_count "
        "from mart_gold.fct_feature_usage_daily",
        "void": "select status, count(*) as n, sum(amount) as amount "
        "from raw_bronze.invoices group by 1",
        "undated": "select count(*) as n from mart_gold.time_to_value",
        "risk": "select count(*) as n from mart_gold.revenue_at_risk "
        "where revenue_at_risk is not null",
        "as_of": "select max(snapshot_date) as day from mart_gold.fct_mrr_snapshot",
    }
    found = {name: frame(settings, query) for name, query in queries.items()}
    found["wrong"] = [one for one in examine(settings) if one.state == WRONG]
    return found


@pytest.fixture(scope="module")
def one_day(first: tuple) -> tuple[Settings, pd.Timestamp]:
    """The same company whose CRM says when the list was made, not since when its rows hold."""
    listed = pd.Timestamp("2025-09-29 12:00")
    settings = clone(first[0], "one_day")
    execute(
        settings,
        f"update raw_bronze.customer_details set date_updated = '{listed}+00:00'::timestamptz",
    )
    models = ("int_account_sign_of_life", "account_retention", "revenue_summary")
    models += ("plan_tier_movement", "metric_values")
    run_models(settings, "--select", *(f"stg_account_changes+,+{name}" for name in models))
    return settings, listed


@pytest.fixture(scope="module")
def second(first: tuple, facts: dict, one_day: tuple, made: ModuleType, tmp_path_factory) -> tuple:
    """A month later all is exported again: (what the load did, exports, gold, folder)."""
    settings = first[0]
    day = date(2025, 11, 1)
    folder = tmp_path_factory.mktemp("later")
    files = made.exports(day)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    results = load(folder, MAPPING, settings=settings)
    names = ("mrr_waterfall", "nrr_summary", "fct_subscription_month", "sla_adherence")
    names += ("fct_tickets", "dim_account")
    run_models(settings, "--select", *(f"+{name}" for name in names))
    gold = {name: frame(settings, query) for name, query in GOLD.items()}
    return results, Crm(files, day), gold, folder


def test_the_page_prints_what_it_says(page: Done) -> None:
    assert differences(page) == []


def test_the_numbers_of_the_page(page: Done, first: tuple) -> None:
    """The headline of the last week that is over, and the months of recurring revenue."""
    crm, week = first[1], pd.date_range("2025-09-22", "2025-09-28")
    days, close = crm.billed_by_day(), week[-1] + pd.Timedelta(days=1)
    opened = crm.tickets["Opened"].map(at)
    headline = {
        "Weekly revenue": days[week].sum(),
        "Year-to-date revenue": days["2025-01-01" : week[-1]].sum(),
        "Annual recurring revenue": 12 * crm.in_force(close).sum(),
        "Support tickets": opened.between(week[0], close, inclusive="left").sum(),
    }
    printed = "\n".join(line for lines in page.printed for line in lines)
    for name, value in headline.items():
        assert f"{name} {value:.2f} " in printed

    [months] = page.answers()
    mrr = crm.mrr()
    months = months.set_index(pd.to_datetime(months["month"])).drop(columns="month").astype(float)
    expected = pd.DataFrame({"opening": mrr.sum().shift(), "closing": mrr.sum()})
    expected = expected.loc[months.index]
    np.testing.assert_allclose(months[list(expected)], expected, rtol=0, atol=0.00501)
    moved = months[["opening", "new", "expansion"]].sum(axis=1)
    moved -= months[["contraction", "churn"]].sum(axis=1)
    assert moved.to_list() == pytest.approx(months["closing"].to_list(), abs=0.02)


def test_the_files_are_those_of_the_generator(made: ModuleType) -> None:
    files = made.exports()
    assert {path.name for path in EXAMPLE.glob("*.csv")} == set(files)
    for name, content in files.items():
        assert (EXAMPLE / name).read_bytes() == content, name


def test_the_example_has_the_dirt_it_claims(first: tuple) -> None:
    crm = first[1]
    start, end = crm.contracts["Start"].map(at), crm.contracts["End"].map(at)
    assert (end < start).sum() == 2
    assert (crm.tickets["Closed"].map(at) > crm.end).any()
    plans = crm.contracts[crm.contracts["Product"] == "Platform"].assign(start=start)
    newest = plans.sort_values("start").groupby("Account")["Plan"].last()
    recorded = crm.accounts.set_index("Account ID")["Plan"]
    assert (newest != recorded.reindex(newest.index)).sum() >= 3
    for form in (r"\d\d/\d\d/\d{4}", r"\d{4}-\d\d-\d\d", r"\d{4}-\d\d-\d\dT00:00:00"):
        assert crm.contracts["Start"].str.fullmatch(form).any()
    assert crm.tickets["Severity"].isna().any()


def test_nothing_is_wrong_and_the_newest_complete_day_is_the_last_exported(
    first: tuple, facts: dict
) -> None:
    assert facts["wrong"] == []
    assert facts["as_of"]["day"].item() == date(2025, 9, 30)


def test_absent_sources_have_no_values(facts: dict) -> None:
    expected = set().union(*FILLED.values())
    assert set(facts["metrics"]["metric"]) == expected
    assert expected < set(facts["catalog"]["metric"])
    assert facts["undated"]["n"].item() == 0
    assert facts["risk"]["n"].item() == 0


def test_cards_answer_or_say_why_not(first: tuple, facts: dict) -> None:
    found = {board: set() for board in EMPTY_CARDS}
    for place in PLACES:
        if place.board.key in found and not rows_of(place, first[0]):
            found[place.board.key].add(place.card.name)
            assert place.card.empty
    everything = {
        board: {place.card.name for place in PLACES if place.board.key == board} for board in found
    }
    expected = {
        board: everything[board] if names is ... else names for board, names in EMPTY_CARDS.items()
    }
    assert found == expected


def check_money(crm: Crm, gold: dict[str, pd.DataFrame]) -> None:
    mrr = crm.mrr()
    found = gold["mrr"].assign(mrr=gold["mrr"]["mrr"].astype(float))
    found = found.pivot(index="account_id", columns="month_start", values="mrr").fillna(0.0)
    found.columns = pd.to_datetime(found.columns)
    paid = mrr[mrr.sum(axis=1) > 0].sort_index()
    found = found[list(crm.months)]
    found.columns = paid.columns
    pd.testing.assert_frame_equal(found, paid, check_names=False, atol=1e-5, rtol=0)
    before = mrr.shift(axis=1, fill_value=0.0)
    is_known = before.gt(0).cumsum(axis=1).gt(0)
    change = mrr - before
    expected = pd.DataFrame(
        {
            "opening_mrr": before.sum(),
            "new_mrr": mrr.where(~is_known, 0.0).sum(),
            "reactivation_mrr": mrr.where(is_known & (before == 0), 0.0).sum(),
            "expansion_mrr": change.where((before > 0) & (change > 1e-9), 0.0).sum(),
            "contraction_mrr": -change.where((mrr > 0) & (change < -1e-9), 0.0).sum(),
            "churn_mrr": before.where((mrr == 0), 0.0).sum(),
            "closing_mrr": mrr.sum(),
        }
    )
    same(gold["waterfall"], expected)
    for column in ("new_mrr", "expansion_mrr", "contraction_mrr", "churn_mrr", "reactivation_mrr"):
        assert (expected[column] > 0).any(), column

    rows = {}
    for month in crm.months[12:]:
        base = mrr[month - pd.DateOffset(years=1)]
        base = base[base > 0]
        now = mrr.loc[base.index, month]
        rows[month] = {
            "nrr_pct": 100 * now.sum() / base.sum(),
            "grr_pct": 100 * np.minimum(now, base).sum() / base.sum(),
            "logo_retention_pct": 100 * (now > 0).mean(),
        }
    same(gold["retention"], pd.DataFrame(rows).T)


def check_tickets(crm: Crm, gold: dict[str, pd.DataFrame]) -> None:
    judged = crm.sla().groupby("month")
    late = judged["is_late"].sum()
    met = judged.apply(lambda rows: (~rows["is_late"] & ~rows["is_open"]).sum())
    expected = pd.DataFrame(
        {
            "met_count": met,
            "breached_count": late,
            "active_count": judged.size() - met - late,
            "sla_adherence_pct": 100 * met / (met + late),
        }
    )
    same(gold["sla"], expected)
    closed = crm.tickets["Closed"].map(at)
    still_open = set(crm.tickets["Case"][closed.isna() | (closed >= crm.end)])
    assert set(gold["tickets"]["ticket_id"][gold["tickets"]["is_open"]]) == still_open
    assert len(gold["tickets"]) == len(crm.tickets)


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Columns of `expected` agree in every month of it."""
    found = found.set_index(pd.to_datetime(found["period_start"])).reindex(expected.index)
    found = found[list(expected.columns)].astype(float)
    pd.testing.assert_frame_equal(
        found, expected.astype(float), check_names=False, check_freq=False, atol=1e-4, rtol=1e-7
    )


def test_recurring_revenue_and_retention(first: tuple) -> None:
    check_money(*first[1:])


def test_tickets_and_their_targets(first: tuple) -> None:
    check_tickets(*first[1:])


def test_revenue_is_what_was_billed(first: tuple, facts: dict) -> None:
    crm = first[1]
    same(facts["revenue"], pd.DataFrame({"net_revenue": crm.revenue()}))
    billed = crm.invoices.assign(amount=crm.invoices["Total"].map(euros)).groupby("State")["amount"]
    void = facts["void"].set_index("status")["amount"].astype(float)
    assert void.to_dict() == pytest.approx(
        {"paid": billed.sum()["Paid"], "overdue": billed.sum()["Overdue"],
         "void": billed.sum()["Cancelled"]}
    )  # fmt: skip


def test_use_of_the_product(first: tuple, facts: dict) -> None:
    used = first[1].activity[first[1].activity["Action"] != "Signed in"].copy()
    used["day"] = used["When"].map(at).dt.date
    grouped = used.groupby(["Account", "Action", "day"])
    expected = pd.DataFrame(
        {"event_count": grouped.size(), "user_count": grouped["User"].nunique()}
    )
    found = facts["usage"].set_index(["account_id", "feature_name", "usage_date"]).sort_index()
    pd.testing.assert_frame_equal(found, expected, check_names=False, check_dtype=False)


def check_accounts(crm: Crm, gold: dict[str, pd.DataFrame]) -> None:
    found = gold["accounts"].set_index("account_id")
    crm_accounts = crm.accounts.set_index("Account ID")
    assert found["crm_plan_tier"].to_dict() == crm_accounts["Plan"].map(TIERS).to_dict()
    recorded = crm_accounts["Last Modified"].map(at)
    told = found[["plan_tier", "plan_tier_source"]].apply(tuple, axis=1).to_dict()
    assert told == crm.tiers(crm.end, recorded)
    is_customer = crm_accounts["Stage"] == "Customer"
    assert found["is_active"].astype(bool).to_dict() == is_customer.to_dict()
    since = crm_accounts["Customer Since"].map(at).dt.date
    assert found["signed_up_date"].to_dict() == since.to_dict()
    # the export has no segments: they follow from employees and tier
    employees = pd.to_numeric(crm_accounts["Employees"])
    tier = found["plan_tier"].reindex(crm_accounts.index)
    is_large, is_middle = (
        (employees > most) | (tier == name) for most, name in ((500, "Enterprise"), (50, "Growth"))
    )
    segment = np.select([is_large, is_middle], ["enterprise", "mid_market"], "smb")
    assert found["segment"].to_dict() == dict(zip(crm_accounts.index, segment, strict=True))
    assert set(segment) == {"enterprise", "mid_market", "smb"}


def test_accounts(first: tuple) -> None:
    check_accounts(*first[1:])
    accounts = first[2]["accounts"]
    assert (accounts["plan_tier"] != accounts["crm_plan_tier"]).sum() >= 3


def test_nothing_is_judged_by_a_target_that_nobody_stated(first: tuple) -> None:
    gold = first[2]
    assert gold["targets"].empty
    assert (gold["pace"]["ytd_revenue"] > 0).any()
    judged = ["annual_target", "target_attainment_pct", "required_weekly_growth_pct"]
    assert gold["pace"][judged].isna().all(axis=None)
    # levels of events and days are stated, none of breadth; no releases and surveys are delivered
    health = gold["health"]
    assert health["usage_score"].notna().any()
    assert health["feature_breadth_pct"].isna().all()
    assert health["coverage_pct"].max() < 100 - 25 / 3


def test_a_list_of_one_day_tells_nothing_of_the_days_before(
    first: tuple, one_day: tuple[Settings, pd.Timestamp]
) -> None:
    """Activity of the past follows from revenue, plan tiers from contracts."""
    crm, (settings, listed) = first[1], one_day
    billed = crm.billed().reindex(columns=crm.months, fill_value=0.0)
    accounts = crm.accounts.set_index("Account ID")
    gone = set(accounts.index[accounts["Stage"] != "Customer"])
    active = {month: set(billed.index[billed[month] > 1e-9]) for month in crm.months}
    active[crm.months[-1]] -= gone  # the list is of that month
    assert not gone & set().union(*list(active.values())[-1:])
    rows = {}
    for month in crm.months[1:]:
        before, now = active[month - MONTH], active[month]
        rows[month] = {
            "active_accounts": len(now),
            "arpa": billed[month].sum() / len(now),
            "retention_rate_pct": 100 * len(before & now) / len(before) if before else np.nan,
        }
    expected = pd.DataFrame(rows).T
    values = frame(
        settings,
        "select metric, period_start, value from mart_gold.metric_values where grain = 'month' "
        "and dimension = 'all' and metric in ('active_accounts', 'arpa', 'retention_rate_pct')",
    )
    found = values.pivot(index="period_start", columns="metric", values="value").reset_index()
    same(found, expected)
    assert (expected["retention_rate_pct"] < 100).sum() >= 5

    recorded = pd.Series(listed, accounts.index)
    moves = {}
    for month in crm.months:
        opening = crm.tiers(month, recorded)
        closing = crm.tiers(month + MONTH, recorded)
        for account, (tier, source) in opening.items():
            if source != "contract":
                continue
            ranks = list(TIERS.values())
            step = ranks.index(closing[account][0]) - ranks.index(tier)
            counts = moves.setdefault((month.date(), tier), [0, 0, 0])
            counts[0] += 1
            counts[1] += step > 0
            counts[2] += step < 0
    movement = frame(
        settings,
        "select period_start, dimension_value, opening_accounts, upgraded_accounts, "
        "downgraded_accounts from mart_gold.plan_tier_movement "
        "where grain = 'month' and dimension = 'plan_tier'",
    )
    assert {row[:2]: list(row[2:]) for row in movement.itertuples(index=False, name=None)} == moves
    assert sum(counts[1] for counts in moves.values()) >= 5

    early = frame(
        settings,
        "select count(*) filter (where is_active is not null or vertical <> 'Unknown' "
        "or home_region <> 'Unknown' or account_name <> 'Unknown') as told, count(*) as n "
        "from mart_gold.dim_account_history where valid_from_at < %s",
        [listed.to_pydatetime()],
    )
    assert early["n"].item() > 0
    assert early["told"].item() == 0


def test_the_next_export_corrects_the_first(first: tuple, second: tuple) -> None:
    results, crm, gold, _ = second
    assert sum(result.quarantined for result in results) == 0
    by_table = {result.table: result for result in results}
    # the same facts in another form are the same facts
    old = len(first[1].activity)
    assert by_table["product_usage_events"].duplicate >= old
    check_money(crm, gold)
    check_tickets(crm, gold)
    check_accounts(crm, gold)
    assert gold["accounts"]["plan_tier"].value_counts().to_dict() != (
        first[2]["accounts"]["plan_tier"].value_counts().to_dict()
    )
    opened = first[2]["tickets"]
    was_open = set(opened["ticket_id"][opened["is_open"]])
    assert was_open - set(gold["tickets"]["ticket_id"][gold["tickets"]["is_open"]])
    # a month that is over keeps its end, although contracts were changed since
    columns = ["period_start", "closing_mrr"]
    closed = first[2]["waterfall"][columns]
    pd.testing.assert_frame_equal(gold["waterfall"][columns].head(len(closed)), closed)


def test_again_is_nothing(second: tuple, first: tuple) -> None:
    folder = second[3]
    assert all(result.already_loaded for result in load(folder, MAPPING, settings=first[0]))
