"""Exports of known tools, loaded by their shipped mappings: the numbers equal those of the files.

Everything is computed anew from the files of examples/tools, without O2R. One database for all.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.tool_exports import (
    END,
    EXAMPLE,
    account_of,
    chargebee_mrr,
    csv_of,
    judged_tickets,
    moment,
    newest_stages,
    product_events,
    rows,
    stripe_mrr,
    units,
)
from tests.metrics.warehouse import frame, run_models

from o2r.bronze.loader import BatchResult, load
from o2r.bronze.mapping import TOOLS
from o2r.bronze.tools import read_mappings, tool_names
from o2r.errors import UserError
from o2r.settings import Settings

DAY = date(2025, 12, 31)
"""As-of day; the files were exported on the day after it."""
MONTHS = pd.date_range("2024-02-01", "2025-12-01", freq="MS")
MODELS = ("fct_subscription_month", "fct_deals", "fct_tickets", "fct_feature_usage_daily")
MODELS += ("fct_revenue_daily", "dim_account")


@pytest.fixture(scope="module")
def made(new_database: Callable[[], Settings]) -> tuple[Settings, list[BatchResult], list[str]]:
    """All tools at once: (warehouse with gold, what the load did, what it noted)."""
    settings = new_database().model_copy(update={"as_of": DAY})
    notes: list[str] = []
    results = load(
        EXAMPLE, tools=tool_names(), exported="2026-01-01", settings=settings, note=notes.append
    )
    run_models(settings, "--select", *(f"+{name}" for name in MODELS))
    return settings, results, notes


@pytest.fixture(scope="module")
def ask(made: tuple) -> Callable[[str], pd.DataFrame]:
    return lambda statement: frame(made[0], statement)


def test_the_files_are_those_of_the_generator(tmp_path: Path) -> None:
    command = [sys.executable, "-B", str(EXAMPLE / "generate.py"), str(tmp_path)]
    subprocess.run(command, check=True)
    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*.*") if path.is_file()}
    kept = {path.relative_to(EXAMPLE) for path in EXAMPLE.rglob("*.*") if path.is_file()}
    assert {one for one in kept if one.suffix != ".py"} == written | {Path("sla_targets.csv")}
    for name in written:
        assert (tmp_path / name).read_bytes() == (EXAMPLE / name).read_bytes(), name


@pytest.mark.parametrize("month", MONTHS)
def test_mrr_of_stripe_and_chargebee(ask: Callable, month: pd.Timestamp) -> None:
    close = month + pd.offsets.MonthBegin(1)
    expected = {
        account: round(value, 4)
        for account, value in (stripe_mrr(close) | chargebee_mrr(close)).items()
        if value
    }
    gold = ask(
        "select account_id, mrr::float from mart_gold.fct_subscription_month "
        f"where month_start = '{month.date()}' and mrr <> 0"
    )
    assert {one.account_id: round(one.mrr, 4) for one in gold.itertuples()} == pytest.approx(
        expected, abs=2e-4
    )


def test_each_kind_of_subscription_has_its_value() -> None:
    """The independent number itself, by hand, at the end of the year."""
    found = {account: round(value, 2) for account, value in stripe_mrr(END).items()}
    by_hand = {
        "K01": 100,  # plain
        "K03": 0,  # in trial
        "K04": 100,  # was in trial
        "K05": 80,  # past due
        "K06": 0,  # unpaid
        "K07": 0,  # cancelled
        "K08": 200,  # upgraded in the middle of October
        "K11": 300,  # 25 % off for ever
        "K12": 300,  # 50 % off for three months
        "K13": 85,  # 15 off for ever
        "K14": 0,  # free
        "K15": 0,  # collection paused
        "K16": 0,  # paused after its trial
        "K19": 160,  # five seats and metered use
        "K20": 100,  # every three months, ends in March
        "K22": 216.67,  # weekly, twice
        "K24": 300,  # upgraded in June
        "K25": 100,  # downgraded in February
        "K26": 0,  # cancelled in April
    }
    assert {account: found[account] for account in by_hand} == by_hand
    assert {"K17", "K18", "K21"}.isdisjoint(found)  # test mode, never paid, tiers


def test_upgrade_moves_in_its_month(ask: Callable) -> None:
    gold = ask(
        "select month_start, mrr::float, movement from mart_gold.fct_subscription_month "
        "where account_id = 'K08' and month_start >= '2025-09-01' order by 1"
    )
    assert gold["mrr"].to_list() == [50, 200, 200, 200]
    assert gold["movement"].to_list()[1] == "expansion"


def test_revenue_of_stripe_by_day(ask: Callable) -> None:
    """Each line over the days of its period, refunds on theirs; void and written off is nothing."""
    accounts, days = account_of("stripe"), []
    for bill in rows("stripe/invoices.jsonl"):
        if not bill["livemode"] or bill["status"] in ("draft", "void", "uncollectible"):
            continue
        for line in bill["lines"]["data"]:
            off = sum(one["amount"] for one in line["discount_amounts"])
            first, last = moment(line["period"]["start"]), moment(line["period"]["end"])
            span = pd.date_range(first, max(first, last - pd.Timedelta(days=1)))
            share = units(line["amount"] - off, bill["currency"]) / len(span)
            days += [(accounts[bill["customer"]], bill["currency"], day, share) for day in span]
    charged = {bill["charge"]: bill for bill in rows("stripe/invoices.jsonl") if bill["charge"]}
    for refund in rows("stripe/refunds.json"):
        if refund["status"] == "succeeded" and refund["charge"] in charged:
            account = accounts[charged[refund["charge"]]["customer"]]
            given = -units(refund["amount"], refund["currency"])
            days.append((account, refund["currency"], moment(refund["created"]).normalize(), given))
    table = pd.DataFrame(days, columns=["account_id", "currency", "day", "amount"])
    table = table[table["day"] < END]
    expected = table.groupby("account_id")["amount"].sum().round(2).to_dict()
    gold = ask(
        "select account_id, sum(net_revenue_in_currency)::float as amount "
        "from mart_gold.fct_revenue_daily where net_revenue_in_currency <> 0 group by 1"
    )
    found = {one.account_id: round(one.amount, 2) for one in gold.itertuples()}
    assert found == pytest.approx(expected, abs=0.02)


def test_win_rate_of_hubspot_and_salesforce(ask: Callable) -> None:
    newest, deals = newest_stages(), csv_of("hubspot/deal.csv")
    won, lost = (set(newest.index[newest["outcome"] == one]) for one in ("won", "lost"))
    force, moves = csv_of("salesforce/Opportunity.csv"), csv_of("salesforce/OpportunityHistory.csv")
    gone = set(force[force["IsDeleted"] == "1"]["Id"])
    moves = moves[~moves["OpportunityId"].isin(gone) & (moves["CurrencyIsoCode"] != "")]
    for deal, stage in moves.groupby("OpportunityId")["StageName"].last().items():
        won |= {deal} if stage == "Closed Won" else set()
        lost |= {deal} if stage == "Closed Lost" else set()
    gold = ask("select deal_id, stage_outcome, deal_value::float from mart_gold.fct_deals")
    assert set(gold[gold["stage_outcome"] == "won"]["deal_id"]) == won
    assert set(gold[gold["stage_outcome"] == "lost"]["deal_id"]) == lost
    assert len(won) >= 5
    assert len(lost) >= 3
    value = gold.set_index("deal_id")["deal_value"]
    mine = deals.set_index("deal_id")["property_amount"]
    assert value["5002"] == float(mine["5002"])
    assert pd.isna(value["5004"])  # no amount is known


def test_sla_of_zendesk_and_intercom(ask: Callable) -> None:
    expected = judged_tickets()
    gold = ask(
        "select ticket_id, sla_state, not is_open as is_resolved, priority, "
        "first_response_hours::float "
        "from mart_gold.fct_tickets where ticket_id not like 'ic%'"
    )
    found = {one.ticket_id: one for one in gold.itertuples()}
    assert found.keys() == set(expected.index)
    for ticket, told in expected.iterrows():
        assert found[ticket].priority == told["priority"], ticket
        assert found[ticket].is_resolved == told["is_resolved"], ticket
        assert found[ticket].sla_state == told["sla"], ticket
        answer = pytest.approx(told["answered"], nan_ok=True, abs=1e-5)
        assert found[ticket].first_response_hours == answer
    assert {"met", "breached"} <= set(expected["sla"])

    talks = {one["id"]: one for one in rows("intercom/conversations.json") if one["id"] != "ic12"}
    gold = ask(
        "select ticket_id, account_id, resolution_hours::float, csat::float, reopen_count "
        "from mart_gold.fct_tickets where ticket_id like 'ic%'"
    ).set_index("ticket_id")
    assert set(gold.index) == set(talks)
    companies = {one["id"]: one["companies"]["data"] for one in rows("intercom/contacts.json")}
    accounts = account_of("intercom")
    for number, talk in talks.items():
        closed = talk["statistics"]["last_close_at"]
        hours = closed and (closed - talk["created_at"]) / 3600
        assert gold.loc[number, "resolution_hours"] == pytest.approx(
            hours or float("nan"), nan_ok=True
        )
        [company] = companies[talk["contacts"]["contacts"][0]["id"]]
        assert gold.loc[number, "account_id"] == accounts.get(company["id"], company["id"])
        rating = talk["conversation_rating"]
        assert gold.loc[number, "csat"] == pytest.approx(
            rating["rating"] if rating else float("nan"), nan_ok=True
        )


def test_use_of_posthog_and_segment(ask: Callable) -> None:
    """Uses of features by account, feature and day; logins and PostHog's own events are none."""
    uses = [
        (one["account"], one["name"], str(one["at"].date()))
        for one in product_events()
        if one["name"] != "user_logged_in"
    ]
    accounts = account_of("segment")
    for event in csv_of("segment/tracks.csv").itertuples():
        if event.event != "signed_in":
            group = event.context_group_id
            uses.append((accounts.get(group, group), event.event_text, event.timestamp[:10]))
    gold = ask(
        "select account_id, feature_name, usage_date::text, event_count "
        "from mart_gold.fct_feature_usage_daily"
    )
    found = {tuple(one)[:3]: one[3] for one in gold.itertuples(index=False)}
    assert found == pd.Series(uses).value_counts().to_dict()


def test_accounts_of_all_tools(ask: Callable) -> None:
    """One account whatever tool tells of it; a country by its name; prospects are none."""
    gold = ask(
        "select account_id, country_code, vertical from mart_gold.dim_account "
        "where not is_inferred and account_id <> 'Unknown'"
    ).set_index("account_id")
    stripe = {f"K{number:02}" for number in range(1, 29)} - {"K17", "K23"}
    firms = {"K13", "K15", "K16", "K18", "K19"}
    clients = {f"cbc-{n}" for n in (1, 2, 3, 4, 6)}
    assert set(gold.index) - clients - firms == stripe - firms
    assert gold.loc["K01", ["country_code", "vertical"]].to_list() == ["GB", "Retail"]
    assert gold.loc["K11", "vertical"] == "Unknown"  # still an opportunity in HubSpot


def test_what_no_gold_is_asked_of(ask: Callable) -> None:
    found = ask(
        "select campaign_id, sum(cost)::float as cost, count(*) as n "
        "from raw_bronze.marketing_spend_daily group by 1 order by 1"
    )
    google, meta = csv_of("google_ads/campaign.csv"), csv_of("meta_ads/campaign_insights.csv")
    by_day = meta[meta["date_start"] == meta["date_stop"]]
    assert found["cost"].to_list() == pytest.approx(
        [
            google["metrics.cost_micros"].astype(int).sum() / 1e6,
            by_day["spend"].astype(float).sum(),
        ],
        abs=1e-5,
    )
    incidents = ask(
        "select incident_id, started_at, resolved_at, severity, "
        "downtime_minutes::float as downtime from raw_bronze.platform_incidents"
    ).set_index("incident_id")
    told = {one["id"]: one for one in rows("statuspage/incidents.json", "incidents")}
    felt = {one["id"]: one["attributes"] for one in rows("datadog/incidents.json")}
    assert set(incidents.index) == {
        *(k for k, one in told.items() if one["impact"] != "maintenance"),
        *(k for k, one in felt.items() if not one["is_test"]),
    }
    assert incidents["downtime"].fillna(-1).to_dict() == {
        "sp0": 45,
        "sp1": 0,
        "sp3": 0,
        "sp4": 0,
        "sp5": -1,  # not over
        "dd0": 30,
        "dd1": 0,  # felt, and no outage
        "dd2": -1,  # nobody says how severe
        "dd3": 0,
        "dd4": 0,  # nobody felt it
        "dd5": -1,  # not over
    }
    for number, one in felt.items():
        if number not in incidents.index:
            continue
        began = one["customer_impact_start"] or one["detected"]
        assert incidents.loc[number, "started_at"] == pd.Timestamp(began)
        assert pd.isna(incidents.loc[number, "resolved_at"]) == (one["resolved"] is None)
        place = one["severity"].removeprefix("SEV-")
        level = {"0": "sev1", "5": "sev4"}.get(place, f"sev{place}")
        severity = incidents.loc[number, "severity"]
        assert pd.isna(severity) if place == "UNKNOWN" else severity == level
    answers = ask("select score::int from raw_bronze.csat_responses")
    ratings = rows("zendesk/satisfaction_ratings.json", "satisfaction_ratings")
    good = sum(one["score"].startswith("good") for one in ratings)
    bad = sum(one["score"] == "bad" for one in ratings)
    assert answers["score"].value_counts().to_dict() == {5: good, 1: bad}
    people = ask("select crm_contact_id from raw_bronze.crm_contacts")
    assert {"9003", "003A08"}.isdisjoint(people["crm_contact_id"])  # deleted
    assert len(people) == 11 + 7


def test_every_row_that_is_kept_out_says_why(ask: Callable, made: tuple) -> None:
    found = ask(
        "select source_file, reason, count(*)::int as n from ops.quarantined_rows "
        "join ops.load_batches using (batch_id, table_name) group by 1, 2"
    )
    assert {(one.source_file, one.reason.split(":")[0], one.n) for one in found.itertuples()} == {
        ("hubspot/company.csv", "no property_closedate", 1),
        (
            "salesforce/OpportunityHistory.csv",
            "an amount without CurrencyIsoCode, as of an organization of one currency",
            3,
        ),
        ("meta_ads/campaign_insights.csv", "more than one day", 1),
        ("stripe/subscriptions.jsonl", "items", 1),
        ("stripe/refunds.json", "its charge is of no invoice or charge of this folder", 1),
        ("intercom/conversations.json", "its first contact belongs to no company", 1),
        ("zendesk/tickets.json", "no organization", 1),
    }
    aside = {note.split(": ")[1] for note in made[2] if note.startswith("skipped")}
    assert {"account_ids.csv", "hubspot/deal.csv", "zendesk/ticket_metrics.json"} <= aside


def test_every_mapping_names_its_layout_and_its_public_documentation() -> None:
    for path in TOOLS.glob("*.yml"):
        head = path.read_text().split("files:")[0]
        assert "https://" in head, path.name
        assert (EXAMPLE / path.stem).is_dir(), path.name


def test_two_tools_with_files_of_one_name(tmp_path: Path) -> None:
    both = read_mappings(None, ["intercom", "posthog", "statuspage"], None)
    assert both.files["intercom/contacts"] == both.files["contacts"]
    with pytest.raises(UserError, match=r"--from stirpe: no such tool; did you mean stripe\?"):
        read_mappings(None, ["stirpe"], None)
    with pytest.raises(UserError, match=r"--exported 1\.1\.26: write the day as YYYY-MM-DD"):
        read_mappings(None, ["stripe"], "1.1.26")


def test_objects_of_stripe_fetched_by_hand(
    warehouse: Settings, query: Callable, tmp_path: Path
) -> None:
    """The API itself has no `updated`: then the day of the export says since when it is known."""
    states = [
        {key: value for key, value in state.items() if key != "updated"}
        for state in rows("stripe/subscriptions.jsonl")[:2]
    ]
    (tmp_path / "subscriptions.json").write_text(json.dumps({"object": "list", "data": states}))
    [result] = load(tmp_path, tools=["stripe"], settings=warehouse)
    assert (result.received, result.quarantined) == (2, 2)
    assert query(warehouse, "select distinct reason from ops.quarantined_rows") == [
        ("no `updated`: say the day of the export with --exported",)
    ]
    [result] = load(tmp_path, tools=["stripe"], exported="2026-01-01", settings=warehouse)
    assert result.inserted == 2
    found = query(
        warehouse,
        "select crm_account_id, event_timestamp::date::text, start_date::date::text, mrr::float "
        "from raw_bronze.subscriptions order by 1",
    )
    assert found == [
        ("cus_01", "2026-01-01", "2025-07-10", 100),
        ("cus_02", "2026-01-01", "2025-08-01", 100),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"discounts": ["di_1"]}, "discounts: only their ids are there: export them expanded"),
        ({"items": {"data": [], "has_more": True}}, "items: more of them than the row holds"),
        (
            {
                "items": {
                    "data": [{"price": {"unit_amount": 1, "transform_quantity": {"divide_by": 9}}}]
                }
            },
            "items: a price per package (transform_quantity)",
        ),
        (
            {"items": {"data": [{"price": {"unit_amount": 1}, "discounts": ["di_1"]}]}},
            "items: a discount of a single item",
        ),
        (
            {"discounts": [{"coupon": {"duration": "forever", "percent_off": 1}}] * 2},
            "discounts: more than one that lasts for ever",
        ),
    ],
)
def test_what_a_row_of_stripe_does_not_tell(
    warehouse: Settings, query: Callable, tmp_path: Path, change: dict, reason: str
) -> None:
    state = rows("stripe/subscriptions.jsonl")[0] | change
    (tmp_path / "subscriptions.jsonl").write_text(json.dumps(state))
    [result] = load(tmp_path, tools=["stripe"], settings=warehouse)
    assert (result.inserted, result.quarantined) == (0, 1)
    assert query(warehouse, "select reason from ops.quarantined_rows") == [(reason,)]
