"""The files of Stripe among those of this folder; generate.py writes them."""

import json
from datetime import UTC, datetime
from itertools import pairwise

COUNTRIES = ["US", "GB", "DE", "FR", "JP", None]


def at(text: str) -> int:
    """Seconds since 1970 of a day or an instant in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def item(amount: int | None, interval: str = "month", count: int = 1, **more: object) -> dict:
    """A subscription item; more: quantity, usage_type, billing_scheme, nickname."""
    price = {
        "id": f"price_{amount}{interval}{count}",
        "object": "price",
        "billing_scheme": more.get("billing_scheme", "per_unit"),
        "nickname": more.get("nickname", "Growth"),
        "product": "prod_platform",
        "recurring": {
            "interval": interval,
            "interval_count": count,
            "usage_type": more.get("usage_type", "licensed"),
        },
        "unit_amount": amount,
        "unit_amount_decimal": None if amount is None else str(amount),
    }
    found = {"id": f"si_{amount}{interval}", "object": "subscription_item", "price": price}
    return found | ({"quantity": more["quantity"]} if "quantity" in more else {})


def coupon(duration: str, **off: object) -> dict:
    return {"object": "discount", "coupon": {"duration": duration, "valid": True, **off}}


def subscription(
    number: int, status: str, start: str, items: list[dict], updated: str = "", **more: object
) -> dict:
    """One state of the subscription of an account, as of `updated`; days become epochs."""
    days = {"trial_start", "trial_end", "ended_at", "canceled_at", "cancel_at"}
    row = {
        "id": f"sub_{number:02}",
        "object": "subscription",
        "billing_cycle_anchor": at(start),
        "collection_method": "charge_automatically",
        "created": at(start),
        "currency": "usd",
        "customer": f"cus_{number:02}",
        "discount": None,
        "items": {"object": "list", "data": items, "has_more": False, "total_count": len(items)},
        "livemode": True,
        "metadata": {},
        "pause_collection": None,
        "start_date": at(start),
        "status": status,
        **dict.fromkeys(sorted(days)),
        "updated": at(updated or start),
    }
    return row | {key: at(str(one)) if key in days else one for key, one in more.items()}


def subscriptions() -> list[dict]:
    basic, seats = item(10000), item(1200, quantity=5, nickname="Seats")
    gone = {"canceled_at": "2025-10-05", "ended_at": "2025-10-31"}
    return [
        subscription(1, "active", "2025-07-10", [basic]),
        subscription(2, "active", "2025-08-01", [item(120000, "year")], currency="eur"),
        subscription(3, "trialing", "2025-12-20", [basic], trial_end="2026-01-15"),
        subscription(4, "trialing", "2025-09-01", [basic], trial_end="2025-09-15"),
        subscription(4, "active", "2025-09-01", [basic], "2025-09-15", trial_end="2025-09-15"),
        subscription(5, "active", "2025-07-20", [item(8000)]),
        subscription(5, "past_due", "2025-07-20", [item(8000)], "2025-12-20"),
        subscription(6, "active", "2025-07-05", [item(7000)]),
        subscription(6, "past_due", "2025-07-05", [item(7000)], "2025-10-20"),
        subscription(6, "unpaid", "2025-07-05", [item(7000)], "2025-11-20"),
        subscription(7, "active", "2025-07-01", [item(9000)]),
        subscription(7, "canceled", "2025-07-01", [item(9000)], "2025-10-31", **gone),
        subscription(8, "active", "2025-08-10", [item(5000, nickname="Starter")]),
        subscription(8, "active", "2025-08-10", [item(20000)], "2025-10-15T09:30:00"),
        subscription(9, "active", "2025-07-15", [item(6000)], currency="gbp"),
        subscription(10, "active", "2025-07-15", [item(9000)], currency="jpy"),
        subscription(11, "active", "2025-09-03", [item(40000)],
                     discount=coupon("forever", percent_off=25)),
        subscription(12, "active", "2025-09-04", [item(30000)],
                     discount=coupon("repeating", percent_off=50, duration_in_months=3)),
        subscription(13, "active", "2025-09-05", [item(10000)],
                     discounts=[coupon("forever", amount_off=1500, currency="usd"),
                                coupon("once", percent_off=10)]),
        subscription(14, "active", "2025-07-07", [item(0, nickname="Free")]),
        subscription(15, "active", "2025-07-08", [item(11000)]),
        subscription(15, "active", "2025-07-08", [item(11000)], "2025-11-10",
                     pause_collection={"behavior": "void", "resumes_at": None}),
        subscription(16, "trialing", "2025-10-01", [basic], trial_end="2025-10-31"),
        subscription(16, "paused", "2025-10-01", [basic], "2025-10-31", trial_end="2025-10-31"),
        subscription(17, "active", "2025-07-09", [basic], livemode=False),
        subscription(18, "incomplete_expired", "2025-08-09", [basic], "2025-08-10"),
        subscription(19, "active", "2025-08-12", [basic, seats, item(3, usage_type="metered")]),
        subscription(20, "active", "2025-08-14", [item(30000, "month", 3)], "2025-12-14",
                     cancel_at="2026-03-01", canceled_at="2025-12-14"),
        subscription(21, "active", "2025-08-15", [item(None, billing_scheme="tiered")]),
        subscription(22, "active", "2025-08-16", [item(2500, "week", quantity=2)]),
        # those that paid a year before the export: more, less, gone, the same, gone before
        subscription(24, "active", "2024-03-04", [item(20000)]),
        subscription(24, "active", "2024-03-04", [item(30000)], "2025-06-01"),
        subscription(25, "active", "2024-05-06", [item(15000)]),
        subscription(25, "active", "2024-05-06", [basic], "2025-02-15"),
        subscription(26, "active", "2024-08-20", [item(12000)]),
        subscription(26, "canceled", "2024-08-20", [item(12000)], "2025-04-30",
                     canceled_at="2025-04-10", ended_at="2025-04-30"),
        subscription(27, "active", "2024-11-11", [item(50000)], currency="eur"),
        subscription(28, "active", "2024-02-02", [basic]),
        subscription(28, "canceled", "2024-02-02", [basic], "2024-11-30",
                     canceled_at="2024-11-30", ended_at="2024-11-30"),
    ]  # fmt: skip


def customers() -> list[dict]:
    found = []
    for number in (*range(1, 23), *range(24, 29)):
        created = at(f"2025-07-{number:02}" if number < 23 else f"2024-02-{number - 23:02}")
        country = COUNTRIES[number % len(COUNTRIES)]
        found.append({
            "id": f"cus_{number:02}",
            "object": "customer",
            "address": country and {"city": "", "country": country, "line1": "1 Main Street"},
            "created": created,
            "delinquent": number in (5, 6),
            "email": f"billing@k{number:02}.example",
            "livemode": number != 17,
            "name": f"Company {number}",
            "updated": created,
        })  # fmt: skip
    gone = {"id": "cus_23", "object": "customer", "deleted": True, "is_deleted": True}
    return [
        *found,
        gone | {"created": at("2025-07-23"), "updated": at("2025-08-01"), "livemode": True},
    ]


def line(
    number: str, amount: int, start: str, end: str, off: int = 0, *, prorated: bool = False
) -> dict:
    return {
        "id": f"il_{number}",
        "object": "line_item",
        "amount": amount,
        "description": "Unused time | Starter" if amount < 0 else "1 x Platform",
        "discount_amounts": [{"amount": off, "discount": "di_1"}] if off else [],
        "period": {"start": at(start), "end": at(end)},
        "proration": prorated,
        "type": "subscription",
    }


def invoice(number: str, customer: int, status: str, created: str, of: list[dict], **more) -> dict:
    total = sum(one["amount"] - sum(d["amount"] for d in one["discount_amounts"]) for one in of)
    return {
        "id": f"in_{number}",
        "object": "invoice",
        "attempt_count": 1,
        "billing_reason": "subscription_cycle",
        "charge": f"ch_{number}" if status == "paid" else None,
        "created": at(created),
        "currency": "usd",
        "customer": f"cus_{customer:02}",
        "due_date": None,
        "lines": {"object": "list", "data": of, "has_more": False},
        "livemode": True,
        "status": status,
        "total": total,
        "updated": at(created),
        **more,
    }


def invoices() -> list[dict]:
    """Some bills of every kind; not every month is billed here."""
    months = ["2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01"]
    found = [
        invoice(f"m{n}", 1, "paid", f"{month}-10",
                [line(f"m{n}", 10000, f"{month}-10", f"{after}-10")])
        for n, (month, after) in enumerate(pairwise(months))
    ]  # fmt: skip
    upgrade = [
        line("8a", -2500, "2025-10-25", "2025-11-10", prorated=True),
        line("8b", 10000, "2025-10-25", "2025-11-10", prorated=True),
    ]
    return [
        *found,
        invoice("2", 2, "paid", "2025-08-01", [line("2", 120000, "2025-08-01", "2026-08-01")],
                currency="eur"),
        invoice("5", 5, "open", "2025-12-20", [line("5", 8000, "2025-12-20", "2026-01-20")],
                attempt_count=2),
        invoice("6", 6, "uncollectible", "2025-11-05",
                [line("6", 7000, "2025-11-05", "2025-12-05")]),
        invoice("7", 7, "void", "2025-10-01", [line("7", 9000, "2025-10-01", "2025-11-01")]),
        invoice("8", 8, "paid", "2025-10-25", upgrade),
        invoice("9", 9, "open", "2025-12-30", [line("9", 6000, "2025-12-30", "2026-01-30")],
                currency="gbp", attempt_count=0, due_date=at("2026-01-29")),
        invoice("10", 10, "paid", "2025-09-15", [line("10", 9000, "2025-09-15", "2025-10-15")],
                currency="jpy"),
        invoice("11", 11, "paid", "2025-09-03",
                [line("11", 40000, "2025-09-03", "2025-10-03", 10000)]),
        invoice("12", 12, "draft", "2025-12-31", [line("12", 30000, "2025-12-31", "2026-01-31")]),
        invoice("17", 17, "paid", "2025-07-09", [line("17", 10000, "2025-07-09", "2025-08-09")],
                livemode=False),
        invoice("19", 19, "paid", "2025-12-12",
                [line("19", 16000, "2025-12-12", "2026-01-12"),
                 line("19b", 500, "2025-12-12", "2025-12-12")]),
    ]  # fmt: skip


def refunds() -> list[dict]:
    rows = [("1", "ch_11", 2500, "usd", "2025-09-20", "succeeded"),
            ("2", "ch_10", 900, "jpy", "2025-09-21", "succeeded"),
            ("3", "ch_12", 100, "usd", "2025-09-22", "failed"),
            ("4", "ch_elsewhere", 100, "usd", "2025-09-23", "succeeded")]  # fmt: skip
    keys = ("id", "charge", "amount", "currency", "created", "status")
    found = [dict(zip(keys, row, strict=True)) for row in rows]
    return [
        row | {"id": f"re_{row['id']}", "object": "refund", "created": at(row["created"]) + 36000}
        for row in found
    ]


def pages(rows: list[dict], size: int) -> bytes:
    """As the API gives them: page after page."""
    starts = range(0, len(rows), size)
    return "\n".join(
        json.dumps(
            {"object": "list", "data": rows[n : n + size], "has_more": n + size < len(rows)},
            indent=1,
        )
        for n in starts
    ).encode()


def stripe() -> dict[str, bytes]:
    return {
        "customers.json": pages(customers(), 10),
        "subscriptions.jsonl": lines(subscriptions()),
        "invoices.jsonl": lines(invoices()),
        "refunds.json": json.dumps(refunds()).encode(),
    }
