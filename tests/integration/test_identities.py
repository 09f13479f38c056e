"""ops.resolve_identities on generated graphs: properties of any right answer, and known shapes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from psycopg2.extras import execute_values

from o2r.warehouse import connect

CONTACT, EMAIL, PHONE, COOKIE = "crm_contact_id", "email", "phone", "web_cookie"
MOST = {CONTACT: 1, EMAIL: 2, PHONE: 2, COOKIE: 3}
"""Allowed per person, from the strongest type to the weakest."""
DAY = datetime(2026, 1, 5)

Node = tuple[str, str]
Link = tuple[str, str, str | None, str | None, datetime | None]
Person = dict[Node, tuple[datetime | None, bool, Node]]
"""For each identifier: first seen, whether it is shared, the founder of its person."""
Resolve = Callable[[list[Link]], Person]


def link(a: str, b: str | None = None, day: int | None = 0) -> Link:
    """A link written as `c1`, `e2`, `p1` or `w7`."""
    types = {"c": CONTACT, "e": EMAIL, "p": PHONE, "w": COOKIE}
    at = None if day is None else DAY + timedelta(days=day)
    return (types[a[0]], a, b and types[b[0]], b, at)


@pytest.fixture(scope="module")
def resolve(new_database) -> Iterator[Resolve]:
    """Run the function on links."""
    with (
        closing(connect(new_database(), autocommit=True)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "create temp table links (type_a text, value_a text, type_b text, value_b text, "
            "first_seen_at timestamp); "
            "create temp table types (identifier_type text, priority int, max_per_person int)"
        )
        ranked = [(kind, rank, most) for rank, (kind, most) in enumerate(MOST.items(), 1)]
        execute_values(cursor, "insert into types values %s", ranked)

        def run(links: list[Link]) -> Person:
            cursor.execute("truncate links")
            execute_values(cursor, "insert into links values %s", links)
            cursor.execute("select * from ops.resolve_identities('links', 'types')")
            rows = cursor.fetchall()
            assert len({row[:2] for row in rows}) == len(rows)
            return {(kind, value): (at, shared, (founder_type, founder_value))
                    for kind, value, at, shared, founder_type, founder_value in rows}  # fmt: skip

        yield run


def components(nodes: set[Node], edges: list[tuple[Node, Node]]) -> set[frozenset[Node]]:
    """Connected components by search, not by labels."""
    beside = defaultdict(set)
    for a, b in edges:
        beside[a].add(b)
        beside[b].add(a)
    found, left = set(), set(nodes)
    while left:
        group, front = set(), {left.pop()}
        while front:
            group |= front
            front = {other for node in front for other in beside[node]} - group
        found.add(frozenset(group))
        left -= group
    return found


def nodes_of(links: list[Link]) -> set[Node]:
    return {node for a, b, c, d, _ in links for node in ((a, b), (c, d)) if node[1] is not None}


def edges_of(links: list[Link]) -> list[tuple[Node, Node]]:
    return [((a, b), (c, d)) for a, b, c, d, _ in links if d is not None]


def persons(found: Person) -> set[frozenset[Node]]:
    groups = defaultdict(set)
    for node, (_, _, founder) in found.items():
        groups[founder].add(node)
    return {frozenset(group) for group in groups.values()}


def too_many(group: frozenset[Node]) -> bool:
    return any(count > MOST[kind] for kind, count in Counter(kind for kind, _ in group).items())


NAMES = st.sampled_from([f"{letter}{number}" for letter in "cepw" for number in range(5)])
LINKS = st.lists(
    st.builds(link, NAMES, st.none() | NAMES, st.none() | st.integers(0, 3)),
    min_size=1,
    max_size=25,
).map(  # sources never link a contact with another
    lambda links: [one for one in links if not one[0] == one[2] == CONTACT]
).filter(bool)  # fmt: skip


@limits(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(links=LINKS, order=st.randoms(use_true_random=False))
@example(links=[link("c1", "e1"), link("w1", "c1"), link("w1", "e2"), link("w2", "e2"),
                link("w2", "c2")], order=None)  # fmt: skip
@example(links=[link("c1", "w1"), link("w1", "w2"), link("w2", "c2")], order=None)
@example(links=[link("c1", "e1"), link("c2", "e1"), link("c1", "w1"), link("c2", "w1")], order=None)
@example(links=[link("e1", "e2"), link("e1", "e3")], order=None)  # nothing of the strongest type
def test_persons_are_components_of_the_links_that_are_kept(resolve, links, order):
    found = resolve(links)
    nodes, edges = nodes_of(links), edges_of(links)
    assert set(found) == nodes

    kept = [edge for edge in edges if not any(found[node][1] for node in edge)]
    assert persons(found) == components(nodes, kept)

    whole = components(nodes, edges)
    for group in persons(found):
        assert not too_many(group)
        (founder,) = {found[node][2] for node in group}
        seen = {node: found[node][0] or datetime.max for node in group}
        assert seen[founder] == min(seen.values())
    for group in whole:
        if not too_many(group):
            assert group in persons(found)
            assert not any(found[node][1] for node in group)
    for (kind, _), (_, shared, _) in found.items():
        assert not (shared and kind == CONTACT)

    if order:
        turned = [(c, d, a, b, at) if d and order.random() < 0.5 else (a, b, c, d, at)
                  for a, b, c, d, at in links * 2]  # fmt: skip
        order.shuffle(turned)
        assert resolve(turned) == found


def shared(found: Person) -> set[str]:
    return {value for (_, value), (_, is_shared, _) in found.items() if is_shared}


def together(found: Person, *values: str) -> bool:
    return len({founder for (_, value), (*_, founder) in found.items() if value in values}) == 1


def test_a_long_chain_is_one_person(resolve, new_database):
    values = [f"{'ew'[number % 2]}{number:04}" for number in range(999)]
    with closing(connect(new_database(), autocommit=True)) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "create table links (type_a text, value_a text, type_b text, value_b text, "
            "first_seen_at timestamp); "
            "create table types (identifier_type text, priority int, max_per_person int); "
            "insert into types values ('email', 1, 1000), ('web_cookie', 2, 1000)"
        )
        execute_values(
            cursor, "insert into links values %s", [link(a, b) for a, b in pairwise(values)]
        )
        cursor.execute(
            "select count(*), count(distinct (founder_type, founder_value)), bool_or(is_shared) "
            "from ops.resolve_identities('links', 'types')"
        )
        assert cursor.fetchone() == (999, 1, False)


def test_the_meeting_room_cookie_joins_nobody(resolve):
    own = [link("c1", "e1"), link("c2", "e2"), link("w1", "c1"), link("w2", "c2")]
    found = resolve([*own, link("w9", "c1"), link("w9", "c2")])
    assert shared(found) == {"w9"}
    assert together(found, "c1", "e1", "w1")
    assert together(found, "c2", "e2", "w2")
    assert not together(found, "c1", "c2")


def test_a_shared_mailbox_joins_nobody_and_the_cookies_stay(resolve):
    found = resolve([link("c1", "e9"), link("c2", "e9"), link("w1", "c1"), link("w2", "c2")])
    assert shared(found) == {"e9"}
    assert together(found, "c1", "w1")
    assert together(found, "c2", "w2")


def test_the_weakest_links_are_cut_first(resolve):
    found = resolve(
        [link("c1", "e1"), link("e2", "c2"), link("w1", "e1"), link("w1", "e2"), link("p1", "c1")]
    )
    assert shared(found) == {"w1"}
    assert together(found, "c1", "e1", "p1")


def test_too_many_of_a_type_are_cut_though_they_bridge_nothing(resolve):
    found = resolve([link("c1", f"w{number}") for number in range(4)] + [link("c1", "e1")])
    assert shared(found) == {"w0", "w1", "w2", "w3"}
    assert together(found, "c1", "e1")


def test_the_oldest_identifier_founds_and_a_merge_keeps_the_older(resolve):
    before = [link("w1", None, 0), link("e1", "c1", 5)]
    assert not together(resolve(before), "w1", "c1")
    found = resolve([*before, link("w1", "e1", 9)])
    assert {founder for *_, founder in found.values()} == {(COOKIE, "w1")}


def test_contacts_that_the_source_links_are_one(resolve):
    found = resolve([link("c1", "c2"), link("c1", "w1"), link("c2", "w1"), link("w1", "c3")])
    assert shared(found) == {"w1"}
    assert together(resolve([link("c1", "c2"), link("c1", "w1"), link("c2", "w1")]), "c2", "w1")


def test_a_type_without_a_row_and_no_links_at_all(resolve):
    assert resolve([("fax", "f1", EMAIL, "e1", None)]) == {
        (EMAIL, "e1"): (None, False, (EMAIL, "e1"))
    }
