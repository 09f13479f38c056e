"""Lives of contracts, replayed event by event: what each event that is known changes of the story.

An event is newer than those before it; what it states counts from the instant it states.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

ENDED = ("cancelled", "expired")
CARRIED = ("plan_name", "plan_type", "amount", "currency", "start_date", "renewal_date")
TERMS = ("status", "plan_name", "plan_type", "amount", "currency", "renewal_date")
FOREVER = pd.Timestamp.max

Event = Mapping[str, Any]


@dataclass
class Life:
    """A contract from its start to its end, or a return of it."""

    starts: pd.Timestamp
    since: pd.Timestamp
    ends: pd.Timestamp | None = None
    corrected: bool = False
    versions: list[tuple] = field(default_factory=list)  # (own start or None, event, on trial)

    def begins(self) -> list[pd.Timestamp]:
        """From when each version would hold, were there no newer one."""
        found = [self.since]
        for own, event, _ in self.versions[1:]:
            begin = own or max(event["at"], self.since)
            found.append(max(begin, self.since) if self.corrected else begin)
        return found


def told(events: Iterable[Event]) -> list[Event]:
    """The events in order, a blank filled with what was told before."""
    known: dict[str, Any] = {}
    rows = []
    for event in sorted(events, key=lambda row: row["at"]):
        known |= {name: event[name] for name in CARRIED if event[name] is not None}
        rows.append(dict(event) | {name: known.get(name) for name in CARRIED})
    return rows


def lives_of(events: Iterable[Event]) -> list[Life]:
    """Lives of one contract as its events tell them; None for what an event leaves blank."""
    lives: list[Life] = []
    before: Event | None = None
    statuses: set[str] = set()
    rows = told(events)
    for event in rows:
        at, over = event["at"], event["status"] in ENDED
        start = event["start_date"] or rows[0]["at"]
        statuses.add(event["status"])
        trial = event["status"] == "trial" or (
            over and "trial" in statuses and "active" not in statuses
        )
        own = None
        if before is None:
            lives.append(Life(start, start))
        else:
            old = before["start_date"] or rows[0]["at"]
            news = start.normalize() not in (old.normalize(), at.normalize())
            if before["status"] in ENDED and not over:
                lives.append(Life(start, start if news else max(at, start)))
            elif news and (
                over
                or before["start_date"] is None
                or all(event[name] == before[name] for name in TERMS)
                or at <= old
            ):
                lives[-1].starts = lives[-1].since = start
                lives[-1].corrected = True
            elif news:
                own = start
        lives[-1].versions.append((own, event, trial))
        if not over or event["cancellation_date"] is not None:
            lives[-1].ends = event["cancellation_date"]
        elif lives[-1].ends is None:
            lives[-1].ends = at
        before = event
    return lives


def spans_of(events: Iterable[Event]) -> list[tuple]:
    """(from, to, event, on trial, life) of everything that was ever in force of one contract."""
    lives = lives_of(events)
    rows = [
        (begin, event, trial, life)
        for life in lives
        for begin, (_, event, trial) in zip(life.begins(), life.versions, strict=True)
    ]
    found = []
    for number, (begin, event, trial, life) in enumerate(rows):
        end = min([FOREVER, *(row[0] for row in rows[number + 1 :])])
        end = end if life.ends is None else min(end, life.ends)
        if begin < end:
            found.append((begin, end, event, trial, life))
    return found
