"""A server like Metabase, the small set of dashboards of definitions.yml, and gold for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from tests.integration.metabase.schemas import UnavailableError, validator
from tests.integration.metabase.server import PASSWORD, READER_PASSWORD, USER, MetabaseServer

from o2r.dashboards.definitions import Definitions
from o2r.dashboards.metabase import check, provision
from o2r.dashboards.metabase.gold import Column, Model
from o2r.settings import Settings, load_settings

DEFINITIONS = yaml.safe_load((Path(__file__).with_name("definitions.yml")).read_text("utf-8"))
GOLD = {
    "metric_values": Model(
        "mart_gold",
        "metric_values",
        "Every metric by period.",
        {
            "period_start": Column("First day of the period."),
            "slice": Column("What it is about.", "type/Category"),
            "value": Column("The number."),
            "region_key": Column("Region.", "type/FK", ("dim_region", "region_key")),
        },
    ),
    "dim_region": Model(
        "mart_gold",
        "dim_region_v2",
        "Regions.",
        {"region_key": Column("Key.", "type/PK"), "region_name": Column("")},
    ),
}


@pytest.fixture
def metabase(monkeypatch: pytest.MonkeyPatch) -> Iterator[MetabaseServer]:
    """A new server, with the tables of gold in its warehouse.

    No request may hold keys that Metabase ignores; each must fit Metabase's own JSON schemas, where
    they can be had.
    """
    tables = {model.table: list(model.columns) for model in GOLD.values()}
    monkeypatch.setattr("o2r.dashboards.metabase.client.PAUSE", 0.01)
    monkeypatch.setattr("o2r.dashboards.metabase.warehouse.PAUSE", 0.01)
    with MetabaseServer(tables) as server:
        with suppress(UnavailableError):
            server.validate = validator()
        yield server
    assert server.stripped == []
    assert server.invalid == []


@pytest.fixture
def definitions() -> dict[str, Any]:
    """The set of dashboards, as it would be read from YAML; for the test to change."""
    return deepcopy(DEFINITIONS)


@pytest.fixture
def settings(metabase: MetabaseServer) -> Settings:
    return load_settings(host="warehouse").model_copy(
        update={
            "metabase_url": metabase.url + "/",
            "metabase_user": USER,
            "metabase_password": SecretStr(PASSWORD),
            "metabase_reader_password": SecretStr(READER_PASSWORD),
        }
    )


@pytest.fixture
def gold(monkeypatch: pytest.MonkeyPatch) -> dict[str, Model]:
    """Gold as built, for the test to change; neither dbt nor PostgreSQL is asked."""
    found = deepcopy(GOLD)
    monkeypatch.setattr(provision, "read_gold", lambda _: found)
    monkeypatch.setattr(provision, "built", lambda _, gold: gold)
    monkeypatch.setattr(provision, "reader_is_there", lambda _: True)
    stated = {"weekly_revenue": 1000.0, "error_rate_pct": 1.5}
    monkeypatch.setattr(provision, "stated_targets", lambda _settings, _gold: stated)
    monkeypatch.setattr(provision, "currency_of", lambda _settings, _gold: "USD")
    monkeypatch.setattr(provision, "needed", lambda *_: {})
    return found


@pytest.fixture
def run(
    settings: Settings,
    gold: dict[str, Model],
    definitions: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., list[str]]:
    """Provision what `definitions` says by now, with changed settings; gives the changes."""
    for module in (provision, check):
        monkeypatch.setattr(module, "read_definitions", lambda *_: Definitions(**definitions))

    def provide(changed: dict[str, Any] | None = None, **options: Any) -> list[str]:
        chosen = settings.model_copy(update=changed or {})
        return provision.provision(chosen, **{"wait": 5} | options)

    return provide
