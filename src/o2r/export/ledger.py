"""What exports share: the connection, the rules on people, and the ledger ops.exports."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from psycopg2 import errors, extensions

from o2r.builds.run import target_lock
from o2r.errors import UserError
from o2r.export.files import sha256
from o2r.settings import Settings
from o2r.warehouse import connect

# The same question as int_person_consent, asked of contacts as they are in bronze at this moment: a
# withdrawal counts before the next build. A date in the future can take consent away, not give it.
CONSENTING = """
create temporary table consenting on commit drop as
with versions as (
    select
        crm_contact_id,
        coalesce(has_marketing_consent, false) as has_agreed,
        case
            when has_marketing_consent is not null and consent_at is not null
                then least(consent_at, updated_at)
            else updated_at
        end as answered_at,
        bool_or(has_marketing_consent is not null) over (partition by crm_contact_id) as was_asked,
        row_number() over (partition by crm_contact_id order by updated_at desc) as version_rank
    from staging_silver.stg_contact_versions
    where updated_at < timezone('UTC', now()) or has_marketing_consent is not true
)

select identifiers.person_id
from versions
join intermediate_silver.int_identifier as identifiers
    on identifiers.identifier_type = 'crm_contact_id'
    and identifiers.identifier_value = versions.crm_contact_id
where versions.version_rank = 1 and versions.was_asked
group by identifiers.person_id
having max(versions.answered_at) filter (where versions.has_agreed)
    > coalesce(max(versions.answered_at) filter (where not versions.has_agreed), '-infinity')
"""


@dataclass(frozen=True)
class Exported:
    """A file that was written: its number in ops.exports, path, rows and SHA-256.

    late: conversions in it that are older than what had been sent before.
    """

    export_id: int
    content: str
    path: Path
    row_count: int
    sha256: str
    late: int = 0


@contextmanager
def export_session(settings: Settings, platform: str) -> Iterator[extensions.connection]:
    """A connection that sees the warehouse of one moment; exports to one platform wait for another.

    Leaving it without a commit takes everything back. Raises UserError when gold is not built, the
    database is not set up, or its user may not do this.
    """
    with target_lock(settings, f"export {platform}"):
        connection = connect(settings)
        try:
            connection.set_session(isolation_level="REPEATABLE READ")
            yield connection
        except (errors.UndefinedTable, errors.UndefinedColumn, errors.InvalidSchemaName) as error:
            name = (error.diag.message_primary or "").partition('"')[2].partition('"')[0]
            if name.startswith("ops."):
                raise UserError(
                    f"database {settings.database} is not set up: run `o2r setup`"
                ) from None
            raise UserError(f"{name} is not built yet: run `o2r build`") from None
        except errors.InsufficientPrivilege as error:
            raise UserError(
                f"{error.diag.message_primary}: exports need the rights of data_engineer"
            ) from None
        finally:
            connection.close()


def find_consenting(cursor: extensions.cursor) -> None:
    """Make the table `consenting` (person_id), which holds until the end of the transaction."""
    cursor.execute(CONSENTING)


def as_of(cursor: extensions.cursor) -> date:
    """As-of day of the last build."""
    cursor.execute("select as_of_date from intermediate_silver.int_as_of")
    row = cursor.fetchone()
    if row is None or row[0] is None:
        raise UserError("the warehouse holds no complete day yet: load data, then run `o2r build`")
    return row[0]


def next_number(cursor: extensions.cursor) -> int:
    """Number of the next file."""
    cursor.execute("select nextval(pg_get_serial_sequence('ops.exports', 'export_id'))")
    return cursor.fetchone()[0]


def record(
    cursor: extensions.cursor,
    platform: str,
    content: str,
    file: bytes,
    row_count: int,
    path: Path,
    export_id: int,
    as_of_date: date,
) -> Exported:
    """Write a file into the ledger; it counts as exported once this is committed."""
    checksum = sha256(file)
    cursor.execute(
        "insert into ops.exports (export_id, platform, content, as_of_date, folder, file_name, "
        "row_count, sha256, exported_by) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (export_id, platform, content, as_of_date, str(path.parent), path.name, row_count, checksum,
         _user()),
    )  # fmt: skip
    return Exported(export_id, content, path, row_count, checksum)


def delivered(connection: extensions.connection, export_id: int) -> None:
    """Note that a file is in its place."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update ops.exports set delivered_at = now() where export_id = %s", (export_id,)
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
