"""Contacts, deals, visits and customer success of the simulator: one person, many names."""

import re
from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pytest

from o2r.synthetic import SimulationConfig
from o2r.synthetic.people import MAX_COLLEAGUES, build_people
from o2r.synthetic.phones import CODES, RANGES, STYLES, TRUNK, phone_numbers, written
from o2r.synthetic.sources import billing, contacts, crm, deals, product, success, web
from o2r.synthetic.sources.contacts import sha256
from o2r.synthetic.world import World, build_world

CONFIG = SimulationConfig(end_date=date(2026, 11, 21), accounts=150, weeks=20, events=20_000)
RESERVED = re.compile(r"[a-z0-9'.-]+@([a-z0-9-]+\.)*(example\.(com|org|net)|[a-z0-9-]+\.example)")


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(CONFIG)


@pytest.fixture(scope="module")
def tables(world: World) -> dict[str, list[dict]]:
    """Rows of the tables that speak of people, by table, in order."""
    found: dict[str, list[dict]] = defaultdict(list)
    for source in (crm, billing, contacts, deals, web, success, product):
        for name, chunk in source.deliver(world):
            found[name] += chunk.to_pylist()
    return found


def by(rows: list[dict], key: str) -> dict[str, list[dict]]:
    groups = defaultdict(list)
    for row in rows:
        if row[key] is not None:
            groups[row[key]].append(row)
    return groups


def clean(email: str | None) -> str | None:
    text = (email or "").strip().lower()
    return text if "@" in text else None


def hems(rows: list[dict]) -> dict[str, set[str]]:
    """Hashes of the addresses of each contact."""
    found = defaultdict(set)
    for row in rows:
        if clean(row["email"]):
            found[row["crm_contact_id"]].add(sha256(clean(row["email"])))
        if row["hem"]:
            found[row["crm_contact_id"]].add(row["hem"].lower())
    return found


def test_every_account_has_one_to_eight_contacts_one_of_them_at_its_domain(world, tables):
    people = build_people(world)
    count = np.bincount(people.account, minlength=len(world.accounts))
    assert (count.min(), count.max()) == (1, 1 + MAX_COLLEAGUES)
    accounts = by(tables["crm_contacts"], "crm_account_id")
    assert set(accounts) == set(world.accounts.ids)
    for account, name in zip(world.accounts.ids, world.accounts.names, strict=True):
        domain = f"@{name.lower().replace(' ', '-')}.example.com"
        assert any(e.endswith(domain) for e in people.emails[people.account == _index(account), 0])


def _index(account: str) -> int:
    return int(account.removeprefix("acc-")) - 1


def test_addresses_lead_nowhere_and_are_typed_by_people(tables):
    typed = [row["email"] for row in tables["crm_contacts"] if clean(row["email"])]
    assert all(RESERVED.fullmatch(clean(email)) for email in typed)
    assert any(email != email.strip() for email in typed)
    assert any(email.isupper() for email in typed)
    assert any(clean(row["email"]) is None for row in tables["crm_contacts"] if row["email"])
    assert any(row["hem"] and row["hem"].isupper() for row in tables["crm_contacts"])


def test_one_person_has_several_addresses_and_one_mailbox_several_people(tables):
    of_contact = hems(tables["crm_contacts"])
    assert sum(len(found) > 1 for found in of_contact.values()) > 20
    users = defaultdict(set)
    for contact, found in of_contact.items():
        for hem in found:
            users[hem].add(contact)
    shared = [found for found in users.values() if len(found) > 1]
    assert 3 < len(shared) < 40
    assert max(map(len, shared)) <= 1 + MAX_COLLEAGUES


def test_versions_of_a_contact_keep_who_it_is_and_know_its_latest_stage(tables):
    stages = by(tables["deal_stage_history"], "crm_contact_id")
    for contact, rows in by(tables["crm_contacts"], "crm_contact_id").items():
        assert len({(r["crm_account_id"], r["created_at"], r["phone"]) for r in rows}) == 1
        assert [r["updated_at"] for r in rows] == sorted({r["updated_at"] for r in rows})
        latest = max(stages.get(contact, []), key=lambda r: r["event_timestamp"], default=None)
        assert rows[-1]["deal_stage"] == (latest and latest["new_stage"])
        for row in rows:
            assert row["created_at"] <= row["updated_at"]
            assert (row["consent_marketing"] is None) == (row["consent_timestamp"] is None)
            assert row["consent_timestamp"] is None or row["consent_timestamp"] <= row["updated_at"]
    agreed = {row["consent_marketing"] for row in tables["crm_contacts"]}
    assert agreed == {None, True, False}


def test_industry_is_that_of_the_account(tables):
    vertical = {row["account_id"]: row["vertical"] for row in tables["customer_details"]}
    owner = {row["account_id"]: row["owner"] for row in tables["customer_details"]}
    for row in tables["crm_contacts"]:
        assert row["industry"] == vertical[row["crm_account_id"]]
    for row in tables["customer_success_activities"]:
        assert row["owner"] == owner[row["account_id"]]


def test_a_deal_walks_through_its_stages_once(tables):
    order = {stage: n for n, stage in enumerate(deals.STAGES)}
    closed = set()
    for rows in by(tables["deal_stage_history"], "deal_id").values():
        assert [row["old_stage"] for row in rows] == [None, *(r["new_stage"] for r in rows[:-1])]
        assert rows[0]["new_stage"] == "Qualification"
        steps = [order[row["new_stage"]] for row in rows]
        assert steps == sorted(set(steps))
        times = [row["event_timestamp"] for row in rows]
        assert times == sorted(set(times))
        assert len({(r["crm_account_id"], r["crm_contact_id"], r["currency"]) for r in rows}) == 1
        closed.add(rows[-1]["new_stage"])
    assert closed == set(deals.STAGES)


def test_won_deals_are_the_contracts(tables):
    """Each contract and each step up in one has a deal won at that instant, for a year's value."""
    expected = set()
    before: dict[str, float] = {}
    for row in tables["subscriptions"]:
        if row["status"] != "active":
            continue
        more = float(row["mrr"]) - before.get(row["subscription_id"], 0.0)
        before[row["subscription_id"]] = float(row["mrr"])
        if more > 0:
            expected.add((row["crm_account_id"], row["event_timestamp"], round(12 * more)))
    won = {
        (row["crm_account_id"], row["event_timestamp"], round(row["deal_value"]))
        for row in tables["deal_stage_history"]
        if row["new_stage"] == "Closed Won"
    }
    assert won == expected
    assert len(won) > 100


def test_a_contact_is_known_before_anything_is_said_of_it(tables):
    created = {row["crm_contact_id"]: row["created_at"] for row in tables["crm_contacts"]}
    for name in ("deal_stage_history", "web_events", "product_usage_events"):
        known = [row for row in tables[name] if row["crm_contact_id"]]
        assert len(known) > 50
        assert all(created[row["crm_contact_id"]] <= row["event_timestamp"] for row in known), name


def test_visits_are_anonymous_until_a_demo_is_asked_for_on_the_same_cookie(tables):
    asked = [row for row in tables["web_events"] if row["event_type"] == "demo_request"]
    assert all(row["hem"] or row["crm_contact_id"] for row in asked)
    assert all(
        row["fp_cookie_id"] or row["hem"] or row["crm_contact_id"] for row in tables["web_events"]
    )
    earlier = defaultdict(list)
    for row in tables["web_events"]:
        earlier[row["fp_cookie_id"]].append(row)
    before = [
        [e for e in earlier[row["fp_cookie_id"]] if e["event_timestamp"] < row["event_timestamp"]]
        for row in asked
        if row["fp_cookie_id"]
    ]
    assert sum(len(found) > 0 for found in before) > 0.7 * len(before)
    assert not any(e["hem"] or e["crm_contact_id"] for found in before for e in found)
    addresses = set().union(*hems(tables["crm_contacts"]).values())
    assert sum(row["hem"] in addresses for row in asked if row["hem"]) > 20


def test_people_have_devices_and_some_devices_have_people(tables):
    contacts_of, cookies_of = defaultdict(set), defaultdict(set)
    for row in tables["web_events"]:
        if row["crm_contact_id"] and row["fp_cookie_id"]:
            contacts_of[row["fp_cookie_id"]].add(row["crm_contact_id"])
            cookies_of[row["crm_contact_id"]].add(row["fp_cookie_id"])
    account = {row["crm_contact_id"]: row["crm_account_id"] for row in tables["crm_contacts"]}
    rooms = [found for found in contacts_of.values() if len(found) > 1]
    assert 0 < len(rooms) < 0.1 * len(contacts_of)
    assert all(len({account[contact] for contact in found}) == 1 for found in rooms)
    assert sum(len(found) > 1 for found in cookies_of.values()) > 10


def test_campaigns_are_those_of_the_lead(tables):
    tagged = [row for row in tables["web_events"] if row["utm_source"]]
    assert {row["utm_medium"] for row in tagged} >= {"cpc", "email", "organic"}
    clicks = [row for row in tagged if row["gclid"]]
    assert len({row["gclid"] for row in clicks}) == len(clicks) > 10
    assert all(row["utm_medium"] == "cpc" for row in clicks)
    assert any("@" in row["page_url"] for row in tables["web_events"])


def test_customer_success_is_done_after_it_is_due_or_still_open(tables):
    rows = tables["customer_success_activities"]
    assert {row["activity_type"] for row in rows} == set(success.ACTIVITIES)
    open_ones = [row for row in rows if row["done_at"] is None]
    assert 0.02 < len(open_ones) / len(rows) < 0.3
    assert all(row["outcome"] is None for row in open_ones)
    assert all(row["done_at"] >= row["due_at"] for row in rows if row["done_at"])


def test_product_users_are_colleagues_of_the_same_number(world, tables):
    people = build_people(world)
    linked = [row for row in tables["product_usage_events"] if row["crm_contact_id"]]
    assert len(linked) > 50
    for row in linked:
        person = int(row["crm_contact_id"].removeprefix("con-")) - 1
        _, account, seat = row["product_user_id"].split("-")
        assert (int(account) - 1, int(seat)) == (people.account[person], people.seat[person])
        assert f"acc-{account}" == row["crm_account_id"]


def test_phone_numbers_differ_until_a_country_s_fictitious_ranges_are_used_up():
    supply = sum(10**digits for _, digits in RANGES["US"])
    numbers = phone_numbers(np.array(["US"] * (supply + 5) + ["JP"]))
    assert len(set(numbers[:supply])) == supply
    assert set(numbers[supply:]) == {""}


@pytest.mark.parametrize("country", RANGES)
def test_ways_of_writing_a_number_keep_it(country):
    """Less code, trunk prefix and punctuation, all ways hold the same national number."""
    number = next(iter(phone_numbers(np.array([country]))))
    national = number.removeprefix("+" + CODES[country])
    ways = {written(number, country, style) for style in range(STYLES)}
    assert len(ways) == STYLES
    for way in ways:
        digits = re.sub(r"[^0-9]", "", way)
        assert digits.endswith(national)
        left = digits.removesuffix(national)
        exits = {"", TRUNK[country], CODES[country], CODES[country] + TRUNK[country]}
        assert left in exits | {
            "00" + CODES[country],
            "011" + CODES[country],
            "0011" + CODES[country],
        }
    assert written("", country, 0) is None


def test_the_demo_s_web_site_is_small():
    tables = dict(web.deliver(build_world(SimulationConfig(end_date=CONFIG.end_date))))
    assert 5_000 < len(tables["web_events"]) < 30_000
    first = min(tables["web_events"]["event_timestamp"].to_pylist()).date()
    assert first >= CONFIG.end_date - timedelta(days=7 * 26)
