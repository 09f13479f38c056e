"""`o2r metabase check`: run every card in Metabase, as a reader would."""

from __future__ import annotations

from o2r.dashboards.definitions import Card
from o2r.dashboards.metabase import content
from o2r.dashboards.metabase.provision import failure, require, session
from o2r.dashboards.read import read_definitions
from o2r.settings import Settings

MAY_BE_EMPTY = Card.model_fields["empty"].default


def check(settings: Settings, *, wait: float = 120) -> tuple[int, list[str]]:
    """How many cards there are, and in words each that is missing, fails, or has no rows.

    A card that says itself what it means to have no rows may have none, and so may one that needs
    what was never delivered. A chart of which Metabase
    shows the first rows only is wrong, too.
    Raises UserError when Metabase cannot be asked.
    """
    require(settings)
    definitions = read_definitions(settings)
    wrong: list[str] = []
    count = 0
    with session(settings, wait) as metabase:
        there = content.generated(metabase)
        known = {(content.origin(one), one["name"]): one for one in there.cards}
        for key, board in definitions.dashboards.items():
            come_from = content.board_origin(key)
            if come_from not in there.boards:
                wrong.append(f"{board.name} is not in Metabase")
            for card in board.cards:
                count += 1
                found = known.get((come_from, card.name))
                if found is None:
                    wrong.append(f"{board.name}, {card.name}: not in Metabase")
                    continue
                answer = metabase.query(f"card/{found['id']}/query")
                may_be_empty = card.empty != MAY_BE_EMPTY or content.EMPTY in found["description"]
                if reason := failure(answer):
                    wrong.append(f"{board.name}, {card.name}: {reason}")
                elif not answer["data"]["rows"] and not may_be_empty:
                    wrong.append(f"{board.name}, {card.name}: no rows")
                elif card.display != "table" and answer["data"].get("rows_truncated"):
                    wrong.append(f"{board.name}, {card.name}: too many rows, Metabase cuts them")
    return count, wrong
