"""How long identity resolution takes on a large graph.

    python benchmarks/identities.py [--links 100000 1000000]

Draws, for each size, links as sources see them: contacts with an e-mail address, and web cookies
that identify as one of these addresses, one cookie in a hundred also as somebody else's, as a
shared device does. Prints seconds, persons and shared identifiers. Exits with 1 when a million
links need more than ten minutes.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from o2r.settings import load_settings
from o2r.warehouse import connect, embedded, setup

LIMIT = 600.0  # seconds per million links

LINKS = """
create temp table links as
with sizes as (select {links} * 2 / 10 as contacts, {links} * 79 / 100 as cookies)
select 'crm_contact_id' as type_a, 'c' || number as value_a, 'email' as type_b,
    'e' || number as value_b, timestamp '2026-01-01' + number * interval '1 second' as first_seen_at
from sizes, generate_series(1, contacts) as number
union all
select 'web_cookie', 'w' || number, 'email', 'e' || number::bigint * 7919 % contacts,
    timestamp '2026-02-01' + number * interval '1 second'
from sizes, generate_series(1, cookies) as number
union all
select 'web_cookie', 'w' || number * 79, 'email', 'e' || number::bigint * 104729 % contacts,
    timestamp '2026-03-01' + number * interval '1 second'
from sizes, generate_series(1, cookies / 79) as number
"""
TYPES = """
create temp table types as
select * from (values ('crm_contact_id', 1, 1), ('email', 2, 5), ('web_cookie', 3, 20))
    as types (identifier_type, priority, max_per_person)
"""
RESOLVE = "create temp table found as select * from ops.resolve_identities('links', 'types')"
COUNT = """
select count(*), count(distinct (founder_type, founder_value)), count(*) filter (where is_shared)
from found
"""


def main() -> int:
    """Measure, print, compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, nargs="+", default=[100_000, 1_000_000])
    sizes = parser.parse_args().links
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="o2r-identities-") as folder:
        settings = load_settings(home=Path(folder) / "home")
        embedded.up(settings)
        try:
            setup(settings)
            for links in sizes:
                connection = connect(settings, autocommit=True)
                cursor = connection.cursor()
                cursor.execute(LINKS.format(links=links) + ";" + TYPES)
                begin = time.perf_counter()
                cursor.execute(RESOLVE)
                seconds = time.perf_counter() - begin
                cursor.execute(COUNT)
                identifiers, persons, shared = cursor.fetchone()
                connection.close()
                slowest = max(slowest, seconds / links * 1e6)
                print(
                    f"{links:>10,} links {seconds:8.1f} s   {identifiers:,} identifiers, "
                    f"{persons:,} persons, {shared:,} shared"
                )
        finally:
            embedded.down(settings)
    return 0 if slowest <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
