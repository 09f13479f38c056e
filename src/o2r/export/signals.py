"""`o2r export signals`: each conversion once, and what has become of it since.

A file is written beside its name, then its rows and its mark are committed to the ledger, then it
gets its name. Whatever is interrupted, nothing is sent twice: before the commit nothing has
happened, after it the next export finds the file and puts it in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from psycopg2 import extensions, sql
from psycopg2.extras import execute_values

from o2r.errors import UserError
from o2r.export.files import holds, part_of, put_in_place, write_part
from o2r.export.formats import (
    Adjustment,
    Signal,
    can_be_found,
    google_adjustments,
    google_conversions,
    meta_events,
)
from o2r.export.ledger import (
    Exported,
    as_of,
    delivered,
    export_session,
    find_consenting,
    next_number,
    record,
)
from o2r.settings import Settings

PLATFORMS = ("google", "meta")
FILES = {
    ("google", "conversions"): "csv",
    ("google", "adjustments"): "csv",
    ("meta", "conversions"): "jsonl",
}

NOT_SENT = sql.SQL("""
with hashes as (
    select
        person_id,
        array_agg(hash_value order by recency_rank)
            filter (where identifier_type = 'email') as emails,
        array_agg(hash_value order by recency_rank)
            filter (where identifier_type = 'phone') as phones
    from intermediate_silver.int_upload_hash
    where platform = %(platform)s
    group by person_id
)

select
    signals.signal_id, signals.conversion_type, signals.order_id, signals.event_at,
    signals.conversion_value, signals.currency_code, signals.google_click_id,
    signals.google_click_id_type, signals.click_valid_to_date,
    coalesce(hashes.emails, '{{}}'), coalesce(hashes.phones, '{{}}')
from mart_gold.conversion_signals as signals
join consenting using (person_id)
left join hashes using (person_id)
left join ops.sent_signals as sent
    on sent.platform = %(platform)s and sent.signal_id = signals.signal_id
where sent.signal_id is null
    and signals.signal_status = 'ready'
    and signals.{valid_to} >= %(today)s
order by signals.event_at, signals.signal_id collate "C"
""")

# Google ignores what follows a retraction; about those who have withdrawn nothing is said any more.
CHANGED = """
with last_sent as (
    select distinct on (signal_id) *
    from ops.sent_signals
    where platform = %(platform)s
    order by signal_id, version desc
)

select
    signals.signal_id, signals.conversion_type, signals.order_id, signals.event_at,
    sent.version + 1,
    case when signals.signal_status = 'retracted' then 'retraction' else 'restatement' end,
    case when signals.signal_status <> 'retracted' then signals.conversion_value end,
    case when signals.signal_status <> 'retracted' then signals.currency_code end
from last_sent as sent
join mart_gold.conversion_signals as signals using (signal_id)
join consenting using (person_id)
where sent.change <> 'retraction'
    and (
        signals.signal_status = 'retracted'
        or (
            signals.signal_status in ('ready', 'too old', 'nothing to match')
            and (signals.conversion_value, signals.currency_code)
                is distinct from (sent.conversion_value, sent.currency_code)
        )
    )
order by signals.event_at, signals.signal_id collate "C"
"""


def export_signals(
    settings: Settings, platform: str, out: Path | None = None, now: datetime | None = None
) -> tuple[list[Exported], list[str]]:
    """Write the conversions that a platform has not been given, and for Google their adjustments.

    out: folder; default one below O2R_HOME. now: instant of the export, UTC; default the clock's.
    Returns the files, none where there is nothing new, and a line on each interrupted export.
    Conversions older than the platform takes are left out. Two exports at once wait for each other.
    Raises UserError for an unknown platform, gold that is not built, and a folder that cannot be
    written; then there is neither a file nor a record.
    """
    if platform not in PLATFORMS:
        raise UserError(f"unknown platform '{platform}': choose from {', '.join(PLATFORMS)}")
    now = now or datetime.now(UTC)
    folder = (out or settings.home / "exports" / settings.database).expanduser().absolute()
    with export_session(settings, platform) as connection:
        with connection.cursor() as cursor:
            finished, notes = _finish_interrupted(cursor, platform)
        connection.rollback()
        _sweep(folder, f"{settings.database}_{platform}_")
        for export_id in finished:
            delivered(connection, export_id)
        parts: list[Path] = []
        try:
            with connection.cursor() as cursor:
                done = _prepare(cursor, platform, folder, settings.database, now, parts)
            connection.commit()
        except BaseException:
            for path in parts:
                part_of(path).unlink(missing_ok=True)
            raise
        for one in done:
            put_in_place(one.path)
            delivered(connection, one.export_id)
        return done, notes


def _prepare(
    cursor: extensions.cursor,
    platform: str,
    folder: Path,
    database: str,
    now: datetime,
    parts: list[Path],
) -> list[Exported]:
    """Write the parts and their rows of the ledger, not yet committed; `parts` gets the paths."""
    day = as_of(cursor)
    find_consenting(cursor)
    signals = _not_sent(cursor, platform, now.date())
    adjustments = _changed(cursor) if platform == "google" else []
    late = _late(cursor, platform, signals)
    contents: dict[str, tuple[bytes, list[tuple]]] = {}
    if signals:
        file = google_conversions(signals, now.date()) if platform == "google" else None
        contents["conversions"] = (
            file or meta_events(signals),
            [(s.signal_id, 0, "conversion", s.value, s.currency, s.event_at) for s in signals],
        )
    if adjustments:
        contents["adjustments"] = (
            google_adjustments(adjustments, now),
            [(a.signal_id, a.version, a.change, a.value, a.currency, a.event_at)
             for a in adjustments],
        )  # fmt: skip
    done = []
    for content, (file, rows) in contents.items():
        number = next_number(cursor)
        name = f"{database}_{platform}_{content}_{number:06}.{FILES[platform, content]}"
        parts.append(folder / name)
        write_part(folder / name, file)
        one = record(cursor, platform, content, file, len(rows), folder / name, number, day)
        execute_values(
            cursor,
            "insert into ops.sent_signals (platform, export_id, signal_id, version, change, "
            "conversion_value, currency_code, event_at) values %s",
            [(platform, number, *row) for row in rows],
        )
        done.append(replace(one, late=late) if content == "conversions" else one)
    if signals:
        cursor.execute(
            "insert into ops.signal_marks as marks (platform, sent_to_at) values (%s, %s) "
            "on conflict (platform) do update "
            "set sent_to_at = greatest(marks.sent_to_at, excluded.sent_to_at)",
            (platform, max(one.event_at for one in signals)),
        )
    return done


def _not_sent(cursor: extensions.cursor, platform: str, today: date) -> list[Signal]:
    cursor.execute(
        NOT_SENT.format(valid_to=sql.Identifier(f"{platform}_valid_to_date")),
        {"platform": platform, "today": today},
    )
    signals = [Signal(*row) for row in cursor.fetchall()]
    return [one for one in signals if can_be_found(one, platform, today)]


def _changed(cursor: extensions.cursor) -> list[Adjustment]:
    cursor.execute(CHANGED, {"platform": "google"})
    return [Adjustment(*row) for row in cursor.fetchall()]


def _late(cursor: extensions.cursor, platform: str, signals: Sequence[Signal]) -> int:
    """How many are older than the newest conversion that was sent before."""
    cursor.execute("select sent_to_at from ops.signal_marks where platform = %s", (platform,))
    row = cursor.fetchone()
    return sum(one.event_at < row[0] for one in signals) if row else 0


def _finish_interrupted(cursor: extensions.cursor, platform: str) -> tuple[list[int], list[str]]:
    """Put files in place that were recorded but did not get their names.

    Returns the numbers of exports that are in place by now, and a line on each that was not.
    """
    cursor.execute(
        "select export_id, folder, file_name, sha256, row_count from ops.exports "
        "where platform = %s and content in ('conversions', 'adjustments') "
        "and delivered_at is null order by export_id",
        (platform,),
    )
    finished, notes = [], []
    for number, folder, name, checksum, rows in cursor.fetchall():
        path = Path(folder) / name
        if holds(part_of(path), checksum):
            put_in_place(path)
            notes.append(f"export {number} was interrupted: its file is in place now: {path}")
        elif not holds(path, checksum):
            notes.append(
                f"export {number} was interrupted and {path} is gone: its {rows} signals count as "
                "sent, see docs/audiences.md"
            )
            continue
        finished.append(number)
    return finished, notes


def _sweep(folder: Path, prefix: str) -> None:
    """Remove parts of exports that were killed before the ledger knew of them."""
    for part in folder.glob(f".{prefix}*.part"):
        part.unlink(missing_ok=True)
