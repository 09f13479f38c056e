"""`o2r metabase provision`: Metabase as `metabase/` defines it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from o2r.dashboards.definitions import Definitions
from o2r.dashboards.lineage import Lineage, needs, never_delivered
from o2r.dashboards.metabase import access, content
from o2r.dashboards.metabase.client import Json, Metabase
from o2r.dashboards.metabase.gold import Model, read_gold
from o2r.dashboards.metabase.reader import LOGIN, make_reader, reader_is_there
from o2r.dashboards.metabase.warehouse import connection, describe, ensure_database, wait_for_tables
from o2r.dashboards.metrics import CURRENCY, TARGETS
from o2r.dashboards.queries import any_value, resolved, tables
from o2r.dashboards.read import read_definitions
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.query import query

FEW = 5
"""How much of a list an error repeats."""
REQUIRED = ("metabase_url", "metabase_user", "metabase_password", "metabase_reader_password")


def provision(
    settings: Settings,
    *,
    wait: float = 120,
    dry_run: bool = False,
    if_built: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> list[str] | None:
    """Set up Metabase, or correct it; returns the changes in words, none where all is as defined.

    wait:     seconds for Metabase to be ready, and again for it to have read gold.
    dry_run:  change nothing; the changes are those that would be made.
    if_built: where gold is not built yet, do nothing and return None.
    say:      gets each change as it is made.

    All that can be checked is checked before the first write to the content: definitions, gold, and
    each card's SQL. Raises UserError that names what is wrong and what to do.
    """
    require(settings)
    gold = built(settings, read_gold(settings))
    if if_built and not gold:
        return None
    definitions = read_definitions(settings, currency_of(settings, gold))
    require_tables(definitions, gold)
    definitions = definitions.judged_by(stated_targets(settings, gold))
    connection(settings, schema_of(gold))
    with session(settings, wait, dry_run=dry_run, say=say) as metabase:
        if not reader_is_there(settings):
            metabase.apply(f"create role {LOGIN} in PostgreSQL", lambda: make_reader(settings))
        fill(metabase, settings, definitions, gold, wait)
    return metabase.changes


def require(settings: Settings) -> None:
    """Raise UserError that names the first variable that is not set."""
    for name in REQUIRED:
        if not getattr(settings, name):
            variable = Settings.model_fields[name].validation_alias
            raise UserError(
                f"{variable} is not set: see docs/metabase.md, or run `make env` for a stack of "
                "your own"
            )


@contextmanager
def session(
    settings: Settings,
    wait: float,
    *,
    dry_run: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Metabase]:
    """A Metabase that is ready and logged in to, set up first where nobody has."""
    password = settings.metabase_password.get_secret_value()
    metabase = Metabase(
        settings.metabase_url,
        dry_run=dry_run,
        say=say,
        secrets=(password, settings.metabase_reader_password.get_secret_value()),
    )
    try:
        properties = metabase.properties(wait)
        if properties.get("has-user-setup") or not properties.get("setup-token"):
            metabase.log_in(settings.metabase_user, password)
        else:
            metabase.set_up(properties["setup-token"], settings.metabase_user, password)
        yield metabase
    finally:
        metabase.log_out()


def built(settings: Settings, gold: dict[str, Model]) -> dict[str, Model]:
    """The models that are built, with the columns that they have in the warehouse."""
    rows = query(
        settings,
        "select class.relname, attribute.attname from pg_class as class "
        "join pg_attribute as attribute on attribute.attrelid = class.oid "
        "where class.relnamespace = (select oid from pg_namespace where nspname = %s) "
        "and class.relkind in ('r', 'v', 'm', 'p') "
        "and attribute.attnum > 0 and not attribute.attisdropped",
        schema_of(gold),
    )
    there: dict[str, set[str]] = {}
    for table, column in rows:
        there.setdefault(table, set()).add(column)
    return {
        name: replace(
            model,
            columns={key: one for key, one in model.columns.items() if key in there[model.table]},
        )
        for name, model in gold.items()
        if model.table in there
    }


def currency_of(settings: Settings, gold: dict[str, Model]) -> str | None:
    """The reporting currency that gold was built in; None where there is no catalogue yet."""
    if "metric_catalog" not in gold:
        return None
    [(found,)] = query(settings, resolved(CURRENCY, lambda name: gold[name].relation))
    return found


def stated_targets(settings: Settings, gold: dict[str, Model]) -> dict[str, float]:
    """Targets that the company states, by metric; `gold` has the catalogue."""
    rows = query(settings, resolved(TARGETS, lambda name: gold[name].relation))
    return {metric: float(target) for metric, target in rows}


def schema_of(gold: dict[str, Model]) -> str:
    """The one schema of gold."""
    schemas = {model.schema for model in gold.values()}
    if len(schemas) != 1:
        raise UserError(f"gold must be one schema, not {', '.join(sorted(schemas)) or 'none'}")
    return schemas.pop()


def require_tables(definitions: Definitions, gold: dict[str, Model]) -> None:
    """Raise UserError that names what the dashboards read and gold does not have."""
    if not gold:
        raise UserError("gold is not built: run `o2r build`, or `o2r publish`")
    lacking: dict[str, str] = {}
    for board in definitions.dashboards.values():
        read = {card.name: card.sql for card in board.cards}
        read |= {f"filter {key}": one.values for key, one in board.filters.items() if one.values}
        for what, sql in read.items():
            for name in tables(sql):
                if name not in gold:
                    lacking.setdefault(name, f"{board.name}, {what}")
    if lacking:
        names = [f"{name} (read by {what})" for name, what in sorted(lacking.items())]
        raise UserError(f"gold lacks {_some(names)}: run `o2r build`, or `o2r publish`")


def _some(lines: list[str]) -> str:
    """The first few, and how many more there are."""
    more = f"; and {len(lines) - FEW} more" if len(lines) > FEW else ""
    return "; ".join(lines[:FEW]) + more


def fill(
    metabase: Metabase,
    settings: Settings,
    definitions: Definitions,
    gold: dict[str, Model],
    wait: float,
) -> None:
    """Connection, rights, descriptions, collections, cards, dashboards, in this order."""
    schema = schema_of(gold)
    everybody, business = access.groups(metabase)
    if metabase.is_new:
        access.restrict_collections(metabase, {everybody: {"root": "none"}})
    database = ensure_database(metabase, settings, schema)
    access.restrict_queries(metabase, database, (everybody, business))
    wanted = content.wanted_cards(
        definitions, database, lambda name: gold[name].relation, needed(settings, definitions, gold)
    )
    if database > 0:
        fields = wait_for_tables(metabase, database, gold, wait)
        require_sql(metabase, definitions, wanted)
        describe(metabase, gold, fields)
    there = content.generated(metabase)
    collections = content.ensure_collections(metabase, definitions, there)
    access.restrict_collections(
        metabase,
        {
            everybody: dict.fromkeys(collections.values(), "none"),
            business: dict.fromkeys(collections.values(), "read"),
        },
    )
    cards = collections[content.CARDS_ORIGIN]
    ids = content.ensure_cards(metabase, wanted, cards, there)
    content.ensure_boards(metabase, definitions, collections, ids, there)
    content.archive_rest(metabase, definitions, there, set(ids.values()), collections)


def needed(
    settings: Settings, definitions: Definitions, gold: dict[str, Model]
) -> dict[tuple[str, str], str]:
    """What a card that has nothing to show needs, by key of its dashboard and its name.

    Those whose sources were all delivered are left out: they are empty for another reason.
    """
    lineage = Lineage(settings.dbt_dir)
    missing = {table for (table,) in query(settings, never_delivered(settings.dbt_dir))}
    found = {}
    for key, board in definitions.dashboards.items():
        for card in board.cards:
            words = needs(lineage.lacks(card, missing))
            if words:
                sql = any_value(card, lambda name: gold[name].relation).replace("%", "%%")
                if not query(settings, sql):
                    found[key, card.name] = words
    return found


def require_sql(metabase: Metabase, definitions: Definitions, wanted: list[content.Wanted]) -> None:
    """Run each card once. Raises UserError with the names and the database's words if some fail.

    So it does for a card whose result lacks a column that it shows.
    """
    shown = {
        (content.board_origin(key), card.name): card.columns
        for key, board in definitions.dashboards.items()
        for card in board.cards
    }
    failed = []
    for one in wanted:
        answer = metabase.query("dataset", one.body["dataset_query"])
        if reason := failure(answer):
            failed.append(f"card {one.name} ({one.come_from}): {reason}")
            continue
        columns = {column["name"] for column in answer["data"]["cols"]}
        if missing := set(shown.get((one.come_from, one.name), ())) - columns:
            failed.append(f"card {one.name} ({one.come_from}) has no {', '.join(sorted(missing))}")
    if failed:
        raise UserError(f"no card or dashboard was changed: {_some(failed)}")


def failure(answer: Json) -> str | None:
    """What the database said to a query that failed; None for one that did not."""
    if answer.get("status") == "failed" or answer.get("error"):
        return " ".join(str(answer.get("error") or "no reason given").split())
    return None
