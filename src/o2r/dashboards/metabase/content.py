"""Collections, cards and dashboards in Metabase: what is there, and how it comes to be as defined.

Everything that O2R makes bears a mark in its description, with the file that it comes from. Only
what bears it is changed or archived; what people have made is never touched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from o2r.dashboards.definitions import Card, Dashboard, Definitions
from o2r.dashboards.metabase import board as boards
from o2r.dashboards.metabase import card as cards
from o2r.dashboards.metabase.client import Metabase
from o2r.dashboards.queries import Resolve, metabase_sql, resolved
from o2r.errors import UserError

Json = dict[str, Any]
MARK = "Made by O2R from {}: edit it there."
_MARKED = re.compile(re.escape(MARK).replace(r"\{\}", r"(\S+)"))
EMPTY = "Empty: "
"""What stands in the description of a card before the sources that it needs and lacks."""
ROOT, ROOT_ORIGIN = "O2R", "metabase/"
CARDS, CARDS_ORIGIN = "Cards", "metabase/dashboards/"
COLLECTIONS_ORIGIN = "metabase/collections.yml#"


def origin(item: Json) -> str | None:
    """Where something in Metabase comes from; None for what O2R has not made."""
    found = _MARKED.search(item.get("description") or "")
    return found[1] if found else None


def described(words: str, come_from: str) -> str:
    """A description with the mark."""
    return f"{words.strip()}\n\n{MARK.format(come_from)}"


def board_origin(key: str) -> str:
    """Where a dashboard and its cards come from."""
    return f"{CARDS_ORIGIN}{key}.yml"


@dataclass
class Generated:
    """What is there and bears the mark, as Metabase lists it."""

    collections: dict[str, Json] = field(default_factory=dict)
    boards: dict[str, Json] = field(default_factory=dict)
    cards: list[Json] = field(default_factory=list)


def generated(metabase: Metabase) -> Generated:
    """All below the collection O2R that bears the mark.

    Raises UserError when there is a collection O2R that somebody else has made.
    """
    found = Generated()
    waiting = [one for one in metabase.items("root", "collection") if one["name"] == ROOT]
    if waiting and not (waiting := [one for one in waiting if origin(one) == ROOT_ORIGIN]):
        raise UserError(f"Metabase has a collection {ROOT} that O2R did not make: rename it")
    while waiting:
        collection = waiting.pop()
        found.collections[origin(collection)] = collection
        for item in metabase.items(collection["id"], "collection", "dashboard", "card"):
            come_from = origin(item)
            if come_from is None:
                continue
            if item["model"] == "collection":
                waiting.append({**item, "parent_id": collection["id"]})
            elif item["model"] == "dashboard":
                first = found.boards.setdefault(come_from, item)  # the others are copies
                found.boards[come_from] = min(first, item, key=lambda one: one["id"])
            else:
                found.cards.append(item)
    return found


def ensure_collections(
    metabase: Metabase, definitions: Definitions, there: Generated
) -> dict[str, int]:
    """Ids by origin, after making and renaming."""
    root = _ensure_collection(
        metabase, there, ROOT_ORIGIN, ROOT, "Product, customer and revenue metrics.", None
    )
    ids = {ROOT_ORIGIN: root}
    wanted = {
        COLLECTIONS_ORIGIN + key: (one.name, one.description)
        for key, one in definitions.collections.items()
    }
    wanted[CARDS_ORIGIN] = (CARDS, "The cards on the dashboards; open the dashboards instead.")
    for come_from, (name, description) in wanted.items():
        ids[come_from] = _ensure_collection(metabase, there, come_from, name, description, root)
    return ids


def _ensure_collection(
    metabase: Metabase,
    there: Generated,
    come_from: str,
    name: str,
    description: str,
    parent: int | None,
) -> int:
    body = {"name": name, "description": described(description, come_from)}
    known = there.collections.get(come_from)
    if known is None:
        body |= {"parent_id": parent} if parent is not None else {}
        return metabase.write(f"create collection {name}", "POST", "collection", body)["id"]
    _update(metabase, "collection", known, body, name)
    return known["id"]


@dataclass(frozen=True)
class Wanted:
    """A card to be: where it comes from, its name, and the rest of what the API takes."""

    come_from: str
    name: str
    body: Json

    @property
    def sql(self) -> str:
        """What it runs."""
        return cards.sql_of(self.body["dataset_query"])


def wanted_cards(
    definitions: Definitions,
    database: int,
    resolve: Resolve,
    needed: dict[tuple[str, str], str],
) -> list[Wanted]:
    """All cards, and one for each choice that lists its values; without their collection.

    needed: by dashboard and name, what a card lacks to show anything; its description says so.
    """
    found = []
    for board in definitions.dashboards.values():
        for name, one in board.filters.items():
            if one.values is not None:
                body = {
                    "description": f"Lists what can be chosen as {one.label}.",
                    "display": "table",
                    "dataset_query": cards.query(
                        database, boards.values_sql(resolved(one.values, resolve)), {}
                    ),
                    "visualization_settings": {},
                }
                found.append(_wanted(board, values_name(board, name), body))
        for card in board.cards:
            body = _body(card, board, database, resolve)
            if words := needed.get((board.key, card.name)):
                body["description"] = f"{card.question.strip()}\n\n{EMPTY}{words}."
            found.append(_wanted(board, card.name, body))
    return found


def values_name(board: Dashboard, name: str) -> str:
    """Name of the card that lists the values of a choice."""
    return f"Values of {board.filters[name].label} ({name})"


def _body(card: Card, board: Dashboard, database: int, resolve: Resolve) -> Json:
    used = {name: one for name, one in board.filters.items() if name in card.filters}
    return {
        "description": card.question,
        "display": cards.display(card),
        "dataset_query": cards.query(database, metabase_sql(card, board.filters, resolve), used),
        "visualization_settings": cards.settings(card),
    }


def _wanted(board: Dashboard, name: str, body: Json) -> Wanted:
    come_from = board_origin(board.key)
    description = described(body["description"], come_from)
    return Wanted(come_from, name, {"name": name, **body, "description": description})


def ensure_cards(
    metabase: Metabase, wanted: list[Wanted], collection: int, there: Generated
) -> dict[tuple[str, str], int]:
    """Ids by (origin, name). A card is known by these; a renamed one by its SQL.

    Cards that are no longer wanted stay until `archive_rest`, as a dashboard may still show them.
    """
    stored = {one["id"]: metabase.get(f"card/{one['id']}") for one in there.cards}
    known = {
        (origin(stored[id_]), stored[id_]["name"]): id_ for id_ in sorted(stored, reverse=True)
    }
    keys = {(one.come_from, one.name) for one in wanted}
    gone = {key: id_ for key, id_ in known.items() if key not in keys}
    ids: dict[tuple[str, str], int] = {}
    for one in wanted:
        key = (one.come_from, one.name)
        id_ = known.get(key) or _renamed(one, gone, stored)
        body = {**one.body, "collection_id": collection}
        if id_ is None:
            body |= {"type": "question"}
            made = metabase.write(f"create card {one.name}", "POST", "card", body)
            ids[key] = made["id"]
        else:
            made = _update(metabase, "card", stored[id_], body, one.name)
            ids[key] = id_
        if made and not metabase.dry_run:
            _require_query(made, one)
    return ids


def _renamed(one: Wanted, gone: dict, stored: dict[int, Json]) -> int | None:
    """The card of the same dashboard with the same SQL whose name is gone."""
    for key, id_ in list(gone.items()):
        if key[0] == one.come_from and cards.sql_of(stored[id_]["dataset_query"]) == one.sql:
            del gone[key]
            return id_
    return None


def _require_query(answer: Json, one: Wanted) -> None:
    """Some versions take a query that they do not know, and store an empty one."""
    if cards.sql_of(answer.get("dataset_query") or {}) != one.sql:
        raise UserError(
            f"Metabase has stored the card {one.name} without its query: this version does not "
            "work with O2R"
        )


def ensure_boards(
    metabase: Metabase,
    definitions: Definitions,
    collections: dict[str, int],
    card_ids: dict[tuple[str, str], int],
    there: Generated,
) -> None:
    """Make or correct the dashboards; all of them first, as they link to each other."""
    ids = {}
    for key, board in definitions.dashboards.items():
        known = there.boards.get(board_origin(key))
        if known is None:
            body = {
                "name": board.name,
                "description": described(board.question, board_origin(key)),
                "collection_id": collections[COLLECTIONS_ORIGIN + board.collection],
            }
            what = f"create dashboard {board.name}"
            ids[key] = metabase.write(what, "POST", "dashboard", body)["id"]
        else:
            ids[key] = known["id"]
    for key, board in definitions.dashboards.items():
        come_from = board_origin(key)
        is_new = come_from not in there.boards
        current = _current_board(metabase, ids[key])
        mine = {name: id_ for (where, name), id_ in card_ids.items() if where == come_from}
        values = {
            name: mine[values_name(board, name)]
            for name, one in board.filters.items()
            if one.values is not None
        }
        dashcards, tabs = boards.content(board, mine, ids, current)
        body = {
            "name": board.name,
            "description": described(board.question, come_from),
            "collection_id": collections[COLLECTIONS_ORIGIN + board.collection],
            "parameters": boards.parameters(board, values),
            "tabs": tabs,
            "dashcards": dashcards,
        }
        verb = "fill" if is_new else "update"
        _update(metabase, "dashboard", current, body, board.name, verb)


def _current_board(metabase: Metabase, id_: int) -> Json:
    """A dashboard with its content; one that a dry run has not made is empty."""
    return metabase.get(f"dashboard/{id_}") if id_ > 0 else {"id": id_, "dashcards": [], "tabs": []}


def archive_rest(
    metabase: Metabase,
    definitions: Definitions,
    there: Generated,
    kept: set[int],
    collections: dict[str, int],
) -> None:
    """Archive what bears the mark and is no longer defined.

    kept: ids of the cards that are. collections: those that are, by origin.
    A collection with anything in it that O2R has not made stays.
    """
    keys = {board_origin(key) for key in definitions.dashboards}
    for come_from, item in there.boards.items():
        if come_from not in keys:
            _archive(metabase, "dashboard", item)
    for item in there.cards:
        if item["id"] not in kept:
            _archive(metabase, "card", item)
    for come_from, item in there.collections.items():
        if come_from in collections:
            continue
        if all(origin(one) for one in metabase.items(item["id"])):
            _archive(metabase, "collection", item)


def _archive(metabase: Metabase, kind: str, item: Json) -> None:
    what = f"archive {kind} {item['name']}"
    metabase.write(what, "PUT", f"{kind}/{item['id']}", {"archived": True})


def _update(
    metabase: Metabase, kind: str, current: Json, wanted: Json, name: str, verb: str = "update"
) -> Json | None:
    """Write what differs; the answer, or None when nothing does."""
    body = {key: value for key, value in wanted.items() if not same(current.get(key), value, key)}
    if kind == "dashboard" and {"dashcards", "tabs"} & body.keys():
        body |= {key: wanted[key] for key in ("dashcards", "tabs")}
    if not body:
        return None
    return metabase.write(f"{verb} {kind} {name}", "PUT", f"{kind}/{current['id']}", body)


def same(current: Any, wanted: Any, key: str = "") -> bool:
    """True when Metabase has what is wanted; keys that it adds do not count, nor do empty ones.

    But in visualization settings every key counts: a goal line that nobody asks for is shown.
    """
    if isinstance(wanted, dict):
        if not isinstance(current, dict):
            return not any(_filled(value) for value in wanted.values())
        exact = key == "visualization_settings"
        extra = {name: value for name, value in current.items() if name not in wanted}
        if exact and any(_filled(value) for value in extra.values()):
            return False
        return all(same(current.get(n), v, key if exact else n) for n, v in wanted.items())
    if isinstance(wanted, list):
        current = current or []
        if len(current) != len(wanted):
            return False
        if key == "dashcards":
            current, wanted = (sorted(x, key=lambda one: one["id"]) for x in (current, wanted))
        return all(same(c, w, key) for c, w in zip(current, wanted, strict=True))
    return current == wanted or not (_filled(current) or _filled(wanted))


def _filled(value: Any) -> bool:
    return value is not None and value != {} and value != []
