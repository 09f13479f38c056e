"""`o2r export audience`: the people of an audience as a customer list of a platform."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from psycopg2 import extensions, sql

from o2r.errors import UserError
from o2r.export.files import csv_bytes, hashed, part_of, put_in_place, write_part
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

AUDIENCES = ("at_risk", "upgrade_candidates", "champions", "win_back", "onboarding_stalled")
HEADERS = {"google": ("Email", "Phone"), "meta": ("email", "phone")}
"""Names of the columns, in which platforms recognise addresses and numbers."""
PER_PERSON = 3
"""Columns of each: what Meta takes; Google takes any number."""

PEOPLE = sql.SQL("""
select people.person_id, hashes.identifier_type, hashes.hash_value
from {audience} as people
join consenting using (person_id)
join intermediate_silver.int_upload_hash as hashes using (person_id)
where hashes.platform = %(platform)s and hashes.recency_rank <= %(most)s
order by people.person_id collate "C", hashes.identifier_type, hashes.recency_rank
""")
SIZES = sql.SQL("""
select sizes.account_count, sizes.known_count, sizes.consenting_count, sizes.minimum_count,
    (select count(*) from {audience} as people join consenting using (person_id))
from mart_gold.audience_summary as sizes
where sizes.audience = %(name)s and sizes.platform = %(platform)s
""")


@dataclass(frozen=True)
class Sizes:
    """Accounts, and people: known, agreed by the last build, agree now, can be found by what.

    minimum: people with which the platform begins to work.
    """

    accounts: int
    known: int
    agreed: int
    agree_now: int
    with_email: int
    with_phone: int
    reachable: int
    minimum: int


def preview(settings: Settings, name: str, platform: str) -> Sizes:
    """Count what an export would hold now; nothing is written or recorded."""
    name = audience_name(name)
    _check_platform(platform)
    with export_session(settings, platform) as connection, connection.cursor() as cursor:
        find_consenting(cursor)
        return _sizes(cursor, name, platform, _people(cursor, name, platform))


def export_audience(
    settings: Settings, name: str, platform: str, out: Path | None = None
) -> tuple[Exported, Sizes]:
    """Write the customer list of an audience, one row per person, ordered by person id.

    out: file whose name ends in .csv, else a folder; default one below O2R_HOME.
    Only who agrees to marketing at this moment is in it. A file of that name is replaced as a
    whole, also by one without people: an older list would hold those who have withdrawn.
    Raises UserError for an unknown audience or platform, gold that is not built, and a folder that
    cannot be written; then there is neither a file nor a record.
    """
    name = audience_name(name)
    _check_platform(platform)
    path = _path(settings, out, f"audience_{name}_{platform}.csv")
    with export_session(settings, platform) as connection, connection.cursor() as cursor:
        find_consenting(cursor)
        people = _people(cursor, name, platform)
        sizes = _sizes(cursor, name, platform, people)
        content = csv_bytes(
            [
                [header for header in HEADERS[platform] for _ in range(PER_PERSON)],
                *(_cells(emails) + _cells(phones) for emails, phones in people.values()),
            ]
        )
        write_part(path, content)
        try:
            done = record(
                cursor, platform, f"audience {name}", content, len(people), path,
                next_number(cursor), as_of(cursor),
            )  # fmt: skip
            connection.commit()
        except BaseException:
            part_of(path).unlink(missing_ok=True)
            raise
        put_in_place(path)
        delivered(connection, done.export_id)
        return done, sizes


def audience_name(name: str) -> str:
    """Name of an audience as in its mart; UserError when there is none."""
    found = name.strip().lower().replace("-", "_").removeprefix("audience_")
    if found not in AUDIENCES:
        raise UserError(f"unknown audience '{name}': choose from {', '.join(AUDIENCES)}")
    return found


def _check_platform(platform: str) -> None:
    if platform not in HEADERS:
        raise UserError(f"unknown platform '{platform}': choose from {', '.join(HEADERS)}")


def _path(settings: Settings, out: Path | None, file_name: str) -> Path:
    if out is None:
        return settings.home / "exports" / settings.database / file_name
    path = out.expanduser().absolute()
    return path if path.suffix == ".csv" else path / file_name


def _people(
    cursor: extensions.cursor, name: str, platform: str
) -> dict[str, tuple[list[str], list[str]]]:
    """Hashes of addresses and of numbers by person, newest first."""
    cursor.execute(
        PEOPLE.format(audience=sql.Identifier("mart_gold", f"audience_{name}")),
        {"platform": platform, "most": PER_PERSON},
    )
    return {
        person: tuple(
            [value for _, kind, value in rows if kind == wanted] for wanted in ("email", "phone")
        )
        for person, rows in (
            (key, list(group)) for key, group in groupby(cursor.fetchall(), lambda row: row[0])
        )
    }


def _sizes(cursor: extensions.cursor, name: str, platform: str, people: dict) -> Sizes:
    cursor.execute(
        SIZES.format(audience=sql.Identifier("mart_gold", f"audience_{name}")),
        {"name": name, "platform": platform},
    )
    row = cursor.fetchone()
    if row is None:
        raise UserError("the CRM has delivered no contacts: there is nobody to address")
    accounts, known, agreed, minimum, agree_now = row
    with_email = sum(bool(emails) for emails, _ in people.values())
    with_phone = sum(bool(phones) for _, phones in people.values())
    return Sizes(accounts, known, agreed, agree_now, with_email, with_phone, len(people), minimum)


def _cells(values: list[str]) -> list[str]:
    return [hashed(value) for value in values] + [""] * (PER_PERSON - len(values))
