"""Conversions in the formats of the platforms (docs/audiences.md names their documents)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from o2r.export.files import amount, click_id, csv_bytes, hashed, words

TIME_ZONE = ("Parameters:TimeZone=+0000",)
NAMES = {"closed_won": "Closed Won", "demo_request": "Demo Request"}
"""Names of the conversion actions in Google Ads."""
EVENTS = {"closed_won": ("Purchase", "physical_store"), "demo_request": ("Lead", "other")}
"""Meta's event and action source; `website` would need the browser's user agent, kept nowhere."""
CONVERSION_HEADER = (
    *("Google Click ID", "GBRAID", "WBRAID", "Email", "Phone Number", "Conversion Name"),
    *("Conversion Time", "Conversion Value", "Conversion Currency", "Order ID"),
    *("Ad User Data", "Ad Personalization"),
)
ADJUSTMENT_HEADER = (
    *("Order ID", "Conversion Name", "Adjustment Time", "Adjustment Type"),
    *("Adjusted Value", "Adjusted Value Currency"),
)
ADJUSTMENTS = {"restatement": "RESTATE", "retraction": "RETRACT"}


@dataclass(frozen=True)
class Signal:
    """A conversion to be sent. event_at, naive, is UTC; hashes are the platform's, newest first."""

    signal_id: str
    conversion_type: str
    order_id: str
    event_at: datetime
    value: Decimal | None
    currency: str | None
    click: str | None
    click_type: str | None
    click_valid_to: date | None
    emails: Sequence[str]
    phones: Sequence[str]

    def click_cells(self, today: date) -> list[str]:
        """gclid, gbraid and wbraid, of which one at most is filled: '' where it is too old."""
        valid = self.click_valid_to is not None and self.click_valid_to >= today
        return [
            click_id(self.click) if valid and self.click_type == kind else ""
            for kind in ("gclid", "gbraid", "wbraid")
        ]


@dataclass(frozen=True)
class Adjustment:
    """What a platform is to be told of a conversion that it has: restatement or retraction."""

    signal_id: str
    conversion_type: str
    order_id: str
    event_at: datetime
    version: int
    change: str
    value: Decimal | None
    currency: str | None


def can_be_found(signal: Signal, platform: str, today: date) -> bool:
    """Whether the platform can find the person: by a hash, at Google also by a click."""
    clicks = signal.click_cells(today) if platform == "google" else []
    return bool(signal.emails or signal.phones or any(clicks))


def google_conversions(signals: Sequence[Signal], today: date) -> bytes:
    """Google's file of conversions; the newest address and number of each person."""
    rows = (
        [
            *one.click_cells(today),
            *(hashed(next(iter(values), None)) for values in (one.emails, one.phones)),
            NAMES[one.conversion_type],
            _time(one.event_at),
            amount(one.value),
            one.currency or "",
            words(one.order_id),
            *("Granted", "Granted"),
        ]
        for one in signals
    )
    return csv_bytes([TIME_ZONE, CONVERSION_HEADER, *rows])


def google_adjustments(adjustments: Sequence[Adjustment], now: datetime) -> bytes:
    """Google's file of adjustments, which may not stand in the file of conversions."""
    rows = (
        [
            words(one.order_id),
            NAMES[one.conversion_type],
            _time(now),
            ADJUSTMENTS[one.change],
            amount(one.value),
            one.currency or "",
        ]
        for one in adjustments
    )
    return csv_bytes([TIME_ZONE, ADJUSTMENT_HEADER, *rows])


def meta_events(signals: Sequence[Signal]) -> bytes:
    """Server events of Meta's Conversions API, one JSON object per line."""
    return "".join(json.dumps(_meta_event(one)) + "\n" for one in signals).encode()


def _meta_event(signal: Signal) -> dict:
    name, source = EVENTS[signal.conversion_type]
    people = {"em": signal.emails, "ph": signal.phones}
    details: dict[str, object] = {"order_id": signal.order_id}
    if signal.value is not None:
        details |= {"value": float(signal.value), "currency": signal.currency}
    return {
        "event_name": name,
        "event_time": int(signal.event_at.replace(tzinfo=UTC).timestamp()),
        "event_id": signal.signal_id,
        "action_source": source,
        "user_data": {key: [hashed(v) for v in values] for key, values in people.items() if values},
        "custom_data": details,
    }


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}+0000"
