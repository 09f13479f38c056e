"""The project's own dashboards are requests that Metabase takes; a second run changes nothing."""

import re
from pathlib import Path

import pytest
from tests.integration.metabase.server import MetabaseServer

from o2r.dashboards.metabase import provision
from o2r.dashboards.metabase.gold import Model
from o2r.dashboards.read import read_definitions

MARTS = Path(__file__).resolve().parents[3] / "dbt" / "models" / "marts"


@pytest.fixture
def own(metabase: MetabaseServer, settings, monkeypatch: pytest.MonkeyPatch):
    """Provision metabase/ of the project, on gold without columns."""
    names = {re.sub(r"_v\d+$", "", path.stem) for path in MARTS.rglob("*.sql")}
    gold = {name: Model("mart_gold", name, "") for name in names}
    definitions = read_definitions(settings)
    monkeypatch.setattr(provision, "read_gold", lambda _: gold)
    monkeypatch.setattr(provision, "built", lambda _, gold: gold)
    monkeypatch.setattr(provision, "reader_is_there", lambda _: True)
    monkeypatch.setattr(provision, "stated_targets", lambda _settings, _gold: {"uptime_pct": 99.9})
    monkeypatch.setattr(provision, "currency_of", lambda _settings, _gold: "USD")
    monkeypatch.setattr(provision, "needed", lambda *_: {})
    monkeypatch.setattr(provision, "read_definitions", lambda *_: definitions)
    return definitions, lambda: provision.provision(settings, wait=5)


def test_own_dashboards_are_made_and_then_left_alone(metabase, own):
    definitions, run = own
    run()
    boards = metabase.named("dashboard")
    assert set(boards) == {one.name for one in definitions.dashboards.values()}
    for board in definitions.dashboards.values():
        made = boards[board.name]
        assert len(made["dashcards"]) == len(board.items)
        assert [tab["name"] for tab in made["tabs"]] == list(board.tabs)
        assert [one["id"] for one in made["parameters"]] == list(board.filters)
    assert run() == []
