"""Writes the files of this folder: exports of one invented company's tools, a folder per tool.

    python generate.py FOLDER

Headings and forms are those of the tools, see the heads of src/o2r/bronze/tool_mappings; the rows
are invented, a few dozen per tool. They hold what makes real exports hard: trials, pauses, dunning,
upgrades in the middle of a month, prorations, currencies without cents, discounts, test mode,
deleted rows, pages, words of the tools. The same program gives the same bytes.
"""

import csv
import io
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from stripe_files import COUNTRIES, at, iso, lines, stripe

ACCOUNTS = [f"K{number:02}" for number in range(1, 29)]
NAMES = {"US": "United States", "GB": "UK", "DE": "Germany", "FR": "France", "JP": "Japan"}


def table(rows: list[dict]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


# HubSpot and Salesforce


def hubspot() -> dict[str, bytes]:
    """As Fivetran's tables: companies, contacts, and 12 deals with the stages they were in."""
    stages = ["appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "contractsent"]
    labels = [
        "Appointment Scheduled",
        "Qualified To Buy",
        "Presentation Scheduled",
        "Contract Sent",
    ]
    ends = {
        "won": "closedwon",
        "lost": "closedlost",
        "pilot": "90210",
        "won here": "90211",
        "lost here": "90212",
    }
    companies, contacts, deals, of_company, history = [], [], [], [], []
    for n in range(1, 13):
        code = COUNTRIES[n % len(COUNTRIES)]
        day = datetime(2025, 7, n, 9, tzinfo=UTC)
        companies.append({
            "id": 7000 + n,
            "is_deleted": n == 12,
            "_fivetran_synced": "2026-01-01 00:10:00",
            "property_name": f"Company {n}",
            "property_industry": "Retail" if n % 2 else "Energy",
            "property_country": NAMES.get(code, ""),
            "property_numberofemployees": 10 * n,
            "property_lifecyclestage": "customer" if n != 11 else "opportunity",
            "property_createdate": "2025-01-05 08:00:00",
            "property_closedate": f"{day:%Y-%m-%d %H:%M:%S}" if n != 10 else "",
            "property_hs_lastmodifieddate": "2025-12-30 10:00:00",
        })  # fmt: skip
        contacts.append({
            "id": 9000 + n,
            "is_deleted": n == 3,
            "property_email": f"Buyer{n}@k{n:02}.example",
            "property_firstname": "Ada",
            "property_lastname": f"Buyer {n}",
            "property_jobtitle": "CTO",
            "property_associatedcompanyid": 7000 + n,
            "property_createdate": "2025-06-01 08:00:00",
            "property_lastmodifieddate": "2025-12-01 08:00:00",
        })  # fmt: skip
        end = ["won", "lost", "won", "", "won here", "lost here", "won", "pilot"][n % 8]
        path = [*stages[: 2 + n % 3], *([ends[end]] if end else [])]
        for place, stage in enumerate(path):
            entered = day + timedelta(days=11 * place, hours=n)
            is_newest = place == len(path) - 1
            history.append({
                "_fivetran_start": f"{entered:%Y-%m-%d %H:%M:%S}",
                "deal_id": 5000 + n,
                "_fivetran_active": is_newest,
                "_fivetran_end": "9999-12-31 23:59:59"
                if is_newest
                else f"{entered + timedelta(days=11):%Y-%m-%d %H:%M:%S}",
                "date_entered": f"{entered:%Y-%m-%d %H:%M:%S}",
                "source": "CRM_UI",
                "value": stage,
            })  # fmt: skip
        deals.append({
            "deal_id": 5000 + n,
            "is_deleted": n == 9,
            "deal_pipeline_id": "default",
            "deal_pipeline_stage_id": path[-1],
            "property_dealname": f"Deal {n}",
            "property_amount": "" if n == 4 else 1000 * n,
            "property_deal_currency_code": "EUR" if n % 2 else "USD",
        })  # fmt: skip
        of_company.append({"deal_id": 5000 + n, "company_id": 7000 + n, "type_id": 5})
        of_company.append({"deal_id": 5000 + n, "company_id": 7001, "type_id": 341})
    known = [(stage, label, False, False) for stage, label in zip(stages, labels, strict=True)]
    known += [("closedwon", "Closed Won", True, True), ("closedlost", "Closed Lost", True, False)]
    known += [("90210", "Negotiation", False, False), ("90211", "Signed", True, True)]
    known += [("90212", "Went elsewhere", True, False)]
    kept = [
        {
            "stage_id": stage,
            "label": label,
            "is_closed": closed,
            "closed_won": won,
            "pipeline_id": "default",
        }
        for stage, label, closed, won in known
    ]
    return {
        "company.csv": table(companies),
        "contact.csv": table(contacts),
        "deal.csv": table(deals),
        "deal_company.csv": table(of_company),
        "deal_pipeline_stage.csv": table(kept),
        "deal_stage.csv": table(history),
    }


def salesforce() -> dict[str, bytes]:
    """Files of the Data Export Service: 8 accounts, a contact each, an opportunity each."""
    stages = ["Prospecting", "Proposal/Price Quote", "Negotiation/Review"]
    accounts, contacts, deals, history = [], [], [], []
    for n in range(1, 9):
        account, deal = f"001A{n:02}", f"006A{n:02}"
        end = ["Closed Won", "Closed Lost", None][n % 3]
        meta = {"IsDeleted": int(n == 8), "CreatedDate": "2025-03-01T08:00:00.000Z"}
        meta["LastModifiedDate"] = "2025-12-20T08:00:00.000Z"
        accounts.append({
            "Id": account, "Name": f"Firm {n}", "Type": "", "Industry": "Media",
            "BillingCountry": NAMES.get(COUNTRIES[n % 6], ""), **meta,
        })  # fmt: skip
        contacts.append({
            "Id": f"003A{n:02}", "AccountId": account, "FirstName": "Lin", "LastName": f"Boss {n}",
            "Email": f"lin@f{n:02}.example", "Title": "COO", **meta,
        })  # fmt: skip
        deals.append({
            "Id": deal, "AccountId": account, "StageName": end or stages[n % 3], "Amount": 500 * n,
            "CloseDate": f"2025-0{4 + n % 3}-1{n}", "IsWon": int(end == "Closed Won"),
            "IsClosed": int(end is not None), **meta,
        })  # fmt: skip
        for place, stage in enumerate([*stages[: 1 + n % 3], *([end] if end else [])]):
            history.append({
                "Id": f"008A{n:02}{place}", "OpportunityId": deal, "StageName": stage,
                "Amount": 400 * n if place == 0 else 500 * n,
                "CurrencyIsoCode": "EUR" if n != 5 else "",
                "CreatedDate": f"2025-0{4 + place}-0{n}T10:00:00.000Z", "IsDeleted": 0,
            })  # fmt: skip
    names = ("Account", "Contact", "Opportunity", "OpportunityHistory")
    rows = (accounts, contacts, deals, history)
    return {f"{name}.csv": table(found) for name, found in zip(names, rows, strict=True)}


# Zendesk and Intercom


def zendesk() -> dict[str, bytes]:
    """30 tickets in pages, their metrics, and ratings of some."""
    priorities = ["urgent", "high", "normal", "low", None]
    states = ["solved", "closed", "solved", "open", "pending", "hold", "new"]
    tickets, metrics, ratings = [], [], []
    for n in range(1, 31):
        opened = at("2025-10-01") + n * 250_000
        status = "deleted" if n == 30 else states[n % 7]
        is_solved = status in ("solved", "closed")
        closed = opened + (n * 37 % 90 + 1) * 3600
        tickets.append({
            "id": n,
            "organization_id": None if n == 29 else 3600 + n % 8,
            "priority": priorities[n % 5],
            "status": status,
            "type": "problem" if n % 2 else None,
            "via": {"channel": ["web", "email", "voice", "api"][n % 4]},
            "created_at": iso(opened),
            "updated_at": iso(closed if is_solved else opened + 1800),
            "tags": ["vip"],
        })  # fmt: skip
        metrics.append({
            "id": 100 + n,
            "ticket_id": n,
            "updated_at": tickets[-1]["updated_at"],
            "reopens": int(n % 6 == 0 or n == 10),
            "solved_at": iso(closed) if is_solved or n == 10 else None,  # 10 was reopened
            "reply_time_in_minutes": {"calendar": 7 * n if n % 5 else None, "business": 3 * n},
        })  # fmt: skip
        if n % 4 == 0 and n < 29:
            score = ["good", "bad", "offered", "good_with_comment"][n // 4 % 4]
            ratings.append({
                "id": 800 + n, "ticket_id": n, "requester_id": 40 + n, "score": score,
                "created_at": iso(closed + 60), "updated_at": iso(closed + 600),
            })  # fmt: skip
    return {
        "tickets.json": json.dumps({"tickets": tickets, "count": 30, "next_page": None}).encode(),
        "ticket_metrics.json": lines(metrics),
        "satisfaction_ratings.json": json.dumps(
            {"satisfaction_ratings": ratings}, indent=1
        ).encode(),
    }


def intercom() -> dict[str, bytes]:
    talks, people = [], []
    for n in range(1, 13):
        opened = at("2025-11-01") + n * 90_000
        is_closed = n % 3 != 0
        talks.append({
            "type": "conversation",
            "id": f"ic{n}",
            "created_at": opened,
            "updated_at": opened + 7200,
            "state": "closed" if is_closed else ["open", "snoozed"][n % 2],
            "source": {"type": ["conversation", "email"][n % 2]},
            "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": f"p{n}"}]},
            "statistics": {
                "first_admin_reply_at": opened + 300 if n != 6 else None,
                "last_close_at": opened + 3600 * n if is_closed else None,
                "count_reopens": n % 2,
            },
            "conversation_rating": {"rating": 1 + n % 5} if n % 4 == 0 else None,
        })  # fmt: skip
        company = [] if n == 12 else [{"type": "company", "id": f"co{n % 6}"}]
        people.append(
            {"id": f"p{n}", "role": "user", "companies": {"type": "list", "data": company}}
        )
    return {"conversations.json": lines(talks), "contacts.json": lines(people)}


# Product, web, incidents, spend


def posthog() -> dict[str, bytes]:
    names = ["user_logged_in", "report exported", "dashboard viewed", "$pageview", "$autocapture"]
    found = []
    for n in range(60):
        moment = at("2025-12-01") + n * 40_000
        group = {"$groups": {"company": f"ph-{n % 7}"}} if n % 10 else {}
        found.append({
            "uuid": f"0193-{n:04}",
            "event": names[n % 5],
            "distinct_id": f"user-{n % 9}",
            "timestamp": iso(moment).replace("Z", "+00:00"),
            "properties": {"$browser": "Firefox", "$device_type": "Desktop", "utm_source": "news",
                           "$current_url": "https://app.example/reports", **group},
        })  # fmt: skip
    return {"events.jsonl": lines(found)}


def segment() -> dict[str, bytes]:
    tracks, seen = [], []
    for n in range(24):
        moment = iso(at("2025-12-02") + n * 60_000)
        tracks.append({
            "id": f"t-{n}", "anonymous_id": f"a-{n % 5}", "user_id": f"u-{n % 5}",
            "timestamp": moment,
            "received_at": moment, "event": "signed_in" if n % 4 == 0 else "report_exported",
            "event_text": "Signed In" if n % 4 == 0 else "Report Exported",
            "context_group_id": f"sg-{n % 6}", "context_library_name": "analytics.js",
        })  # fmt: skip
        seen.append({
            "id": f"p-{n}", "anonymous_id": f"a-{n % 5}", "timestamp": moment,
            "received_at": moment,
            "url": "https://www.example/pricing", "context_campaign_source": "news",
        })  # fmt: skip
    return {"tracks.csv": table(tracks), "pages.csv": table(seen)}


def chargebee() -> dict[str, bytes]:
    """Five subscriptions of other customers than Stripe's, one of them seen twice."""
    leaving = {"cancelled_at": at("2026-02-01")}
    gone = {"cancelled_at": at("2025-11-11")}
    rows = [
        (1, "active", 25000, "EUR", "month", {}),
        (2, "non_renewing", 9900, "USD", "year", leaving),
        (3, "in_trial", 5000, "EUR", "month", {"activated_at": None}),
        (4, "cancelled", 0, "EUR", "month", gone),
        (5, "future", 5000, "EUR", "month", {}),
        (6, "active", 120000, "JPY", "month", {}),
    ]
    found, people = [], []
    for n, status, mrr, currency, unit, more in rows:
        start = at(f"2025-08-{n:02}")
        found.append({
            "id": f"cb-{n}", "customer_id": f"cbc-{n}", "status": status, "mrr": mrr,
            "currency_code": currency, "billing_period": 1, "billing_period_unit": unit,
            "created_at": start, "started_at": start, "activated_at": start, "cancelled_at": None,
            "updated_at": start, "deleted": False, "object": "subscription",
            "subscription_items": [{"item_price_id": "Growth", "quantity": 1}], **more,
        })  # fmt: skip
        people.append({
            "id": f"cbc-{n}", "company": f"Client {n}", "email": f"pay@c{n}.example",
            "deleted": n == 5,
            "created_at": start, "updated_at": start, "billing_address": {"country": "DE"},
        })  # fmt: skip
    before = found[3] | {"status": "active", "mrr": 7000, "cancelled_at": None}
    found[3]["updated_at"] = at("2025-11-11")
    return {"subscription.json": lines([before, *found]), "customer.json": lines(people)}


def statuspage() -> dict[str, bytes]:
    found = []
    for n, impact in enumerate(["critical", "minor", "maintenance", "major", "none", "critical"]):
        began = at("2025-10-03") + n * 1_000_000
        over = None if n == 5 else iso(began + 2700)
        found.append({
            "id": f"sp{n}", "name": "Trouble", "impact": impact, "created_at": iso(began + 120),
            "status": "resolved" if over else "identified",
            "started_at": iso(began), "resolved_at": over, "updated_at": over or iso(began + 600),
            "components": [{"id": "c1", "name": "API"}],
        })  # fmt: skip
    return {"incidents.json": json.dumps(found, indent=1).encode()}


def datadog() -> dict[str, bytes]:
    """Incidents of every severity in pages: one a test, one that no customer felt, one not over."""
    words = ["SEV-1", "SEV-2", "UNKNOWN", "SEV-5", "SEV-0", "SEV-1", "SEV-1"]
    found = []
    for n, severity in enumerate(words):
        began, is_over, is_felt = at("2025-11-02") + n * 700_000, n != 5, n != 4
        found.append({
            "id": f"dd{n}", "type": "incidents", "relationships": {},
            "attributes": {
                "public_id": n, "title": "Trouble", "severity": severity, "is_test": n == 6,
                "state": "resolved" if is_over else "active",
                "customer_impacted": is_felt,
                "customer_impact_start": iso(began) if is_felt else None,
                "customer_impact_end": iso(began + 1800) if is_felt and is_over else None,
                "created": iso(began + 300), "detected": iso(began + 120),
                "modified": iso(began + 9000), "resolved": iso(began + 3600) if is_over else None,
                "fields": {"services": {"type": "autocomplete", "value": ["api"]}},
            },
        })  # fmt: skip
    return {"incidents.json": json.dumps({"data": found, "meta": {}}).encode()}


def google_ads() -> dict[str, bytes]:
    days = [date(2025, 12, 1) + timedelta(days=n) for n in range(10)]
    rows = [
        {"campaign.id": 11, "campaign.name": "Brand", "segments.date": day.isoformat(),
         "customer.currency_code": "EUR", "metrics.cost_micros": 12_345_678 + n,
         "metrics.clicks": 10 + n, "metrics.impressions": 900}
        for n, day in enumerate(days)
    ]  # fmt: skip
    return {"campaign.csv": table(rows)}


def meta_ads() -> dict[str, bytes]:
    rows = [
        {"campaign_id": 21, "campaign_name": "Leads", "date_start": f"2025-12-{n:02}",
         "date_stop": f"2025-12-{n + (n == 10):02}", "account_currency": "USD",
         "spend": f"{20 + n}.50", "clicks": n, "impressions": 100 * n}
        for n in range(1, 11)
    ]  # fmt: skip
    return {"campaign_insights.csv": table(rows)}


def account_ids() -> bytes:
    """Which account of one tool is which of another; Chargebee's customers are in no other tool."""
    rows = []
    for n, account in enumerate(ACCOUNTS, start=1):
        rows.append({
            "account_id": account,
            "stripe": f"cus_{n:02}",
            "hubspot": 7000 + n if n <= 12 else "",
            "salesforce": f"001A{n - 12:02}" if 12 < n <= 20 else "",
            "zendesk": 3600 + n - 1 if n <= 8 else "",
            "intercom": f"co{n - 10}" if 10 <= n < 16 else "",
            "posthog": f"ph-{n - 1}" if n <= 7 else "",
            "segment": f"sg-{n - 10}" if 10 <= n < 16 else "",
            "chargebee": "",
        })  # fmt: skip
    return table(rows)


TOOLS = {
    one.__name__: one
    for one in (stripe, hubspot, salesforce, zendesk, intercom, posthog, segment, chargebee)
} | {one.__name__: one for one in (statuspage, datadog, google_ads, meta_ads)}


def exports() -> dict[str, bytes]:
    """All files by their path."""
    found = {
        f"{tool}/{name}": data for tool, make in TOOLS.items() for name, data in make().items()
    }
    return found | {"account_ids.csv": account_ids()}


if __name__ == "__main__":
    for path, content in exports().items():
        target = Path(sys.argv[1]) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
