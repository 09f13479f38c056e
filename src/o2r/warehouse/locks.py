"""Advisory locks of the warehouse: whoever has to wait says at once for whom."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from psycopg2.extensions import cursor as Cursor

BUILD, LOAD, SETUP = "o2r build", "o2r load", "o2r setup"
"""Kinds of locks. SETUP is held alone by `o2r setup` and shared by builds: grants and tables do not
change under each other."""
REMINDER = 60.0  # seconds between two words of a command that waits
LONGEST_PAUSE = 1.0  # seconds between two attempts

HOLDERS = """
select activity.application_name, activity.usename, held.pid,
    to_char(activity.backend_start, 'HH24:MI') || ' UTC'
from pg_locks held
join pg_stat_activity activity on activity.pid = held.pid
where held.locktype = 'advisory' and held.granted and held.pid <> pg_backend_pid()
    and held.database = (select oid from pg_database where datname = current_database())
    and held.classid = hashtext(%s)::oid and held.objid = hashtext(%s)::oid
order by activity.backend_start
"""


def say_on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def name_session(cursor: Cursor, what: str) -> None:
    """Let others see what a session is for, such as `o2r build prod, process 4711`."""
    cursor.execute(
        "select set_config('application_name', %s, false)",
        (f"o2r {what}"[:40] + f", process {os.getpid()}",),  # PostgreSQL keeps 63 bytes
    )


def acquire(
    cursor: Cursor,
    kind: str,
    name: str = "",
    *,
    shared: bool = False,
    until_commit: bool = False,
    say: Callable[[str], None] = say_on_stderr,
) -> None:
    """Take the lock (kind, name); while somebody has it, say who, since when, and how to stop it.

    shared: beside others who share it. until_commit: with the transaction, not with the session.
    say: takes the line, at once and every minute. Waits as long as it takes; Ctrl-C ends it.
    """
    function = f"pg_try_advisory{'_xact' * until_commit}_lock{'_shared' * shared}"
    begun = time.monotonic()
    said, pause = None, 0.05
    while True:
        cursor.execute(f"select {function}(hashtext(%s), hashtext(%s))", (kind, name))
        if cursor.fetchone()[0]:
            return
        waited = time.monotonic() - begun
        if waited > 0.2 and (said is None or waited - said >= REMINDER):
            said = waited
            say(_waiting(cursor, kind, name, waited))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _waiting(cursor: Cursor, kind: str, name: str, waited: float) -> str:
    cursor.execute(HOLDERS, (kind, name))
    holders = [
        f"{what or 'a session'} of {user} (session {pid}, since {since})"
        for what, user, pid, since in cursor.fetchall()
    ]
    return (
        f"waiting{f' for {waited:.0f} s' if waited >= 1 else ''} until this has ended: "
        f"{'; '.join(holders) or 'a run that is just ending'}. "
        "It goes on by itself; Ctrl-C gives up, `kill PROCESS` on the other's machine "
        "stops the other (docs/runbook.md, stuck run)"
    )
