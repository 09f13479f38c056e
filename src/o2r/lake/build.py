"""`o2r build --engine`: another engine builds prod from the lake; gold is served from PostgreSQL.

The engine builds and tests silver and gold in full. Only when every test has passed are the tables
handed back beside those in use, compared with bronze, and exchanged for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from o2r.builds.fingerprint import fingerprint
from o2r.builds.ledger import last_build, no_longer_current, recorded
from o2r.builds.manifests import FILE, RESULTS, Manifest, left_out_of, load, relations
from o2r.builds.publish import PATIENCE
from o2r.builds.reconcile import Start, reconcile, start
from o2r.builds.row_counts import count_rows
from o2r.builds.run import SHADOW, WITHOUT_UNIT_TESTS, run_dbt, target_lock, work_dir
from o2r.builds.swap import make_shadow, require_replaceable, swap
from o2r.contracts import load_contracts
from o2r.errors import UserError
from o2r.lake.engines import Engine, engine_of
from o2r.lake.export import Lake, export, lake_of
from o2r.lake.hand_back import copy_in, hand_back
from o2r.settings import Settings
from o2r.warehouse.query import Session

LINKS, TYPES = "int_identifier_link", "identifier_types"
"""What PostgreSQL resolves identities from: a model and a seed."""
PARTS = (
    ("--select", f"+{LINKS}", TYPES),
    ("--exclude", f"+{LINKS}", TYPES, "resource_type:snapshot"),
)
KEPT_HERE = ("--select", "resource_type:seed", "path:models/staging")
SNAPSHOTS = ("--select", "resource_type:snapshot")
LOGS = ("int_change_log", "int_model_logic")
"""Tables of silver that no model makes; what they say of PostgreSQL's own builds stays true."""


def build_with(
    settings: Settings,
    name: str,
    *,
    only_if_changed: bool = True,
    quiet: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> bool:
    """Build target prod with the engine of this name; return False when there was nothing to do.

    say: is told what is being done. Waits for other runs on the target. What an earlier call has
    built of the same, and could not hand back, is only handed back.
    Raises UserError when a model or a test fails, and when bronze and the tables do not add up to
    the same: gold is then as it was.
    """
    engine, lake = engine_of(settings, name), lake_of(settings)
    with target_lock(settings, "prod", "build") as lock, Session(settings) as session:
        state = fingerprint(session, [])
        if only_if_changed and (last := last_build(session, "prod", state)):
            say(f"nothing new since build {last.build_id} (--always builds anyway)")
            return False
        with _recorded(session, engine, state) as build_id:
            passed, before = _passed(settings, engine), _passed_before(settings, engine)
            if only_if_changed and before and before[0] == state:
                say(f"built and tested on {engine.name} before, not handed back yet")
                since = before[1]
            else:
                since = start(session)
                passed.unlink(missing_ok=True)
                make(session, engine, lake, lock, quiet=quiet, say=say)
                passed.write_text(json.dumps([state, since], default=str))
            _publish(session, engine, build_id, since, lock, say)
        return True


def publish_from(settings: Settings, name: str, *, say: Callable[[str], None]) -> None:
    """Hand back what the engine's last build has made, as after a hand-back that failed.

    Raises UserError when that build did not pass all its tests, when bronze or the project is no
    longer what it was built from, and as `build_with` does.
    """
    engine = engine_of(settings, name)
    with target_lock(settings, "prod", "build") as lock, Session(settings) as session:
        before = _passed_before(settings, engine)
        if before is None:
            raise UserError(
                f"no build on {name} has passed its tests: run `o2r build --engine {name}`"
            )
        state, since = before
        if state != fingerprint(session, []):
            raise UserError(
                f"bronze, the project or the day is not that of the build on {name}: "
                f"run `o2r build --engine {name}`"
            )
        with _recorded(session, engine, state) as build_id:
            _publish(session, engine, build_id, since, lock, say)


def make(
    session: Session,
    engine: Engine,
    lake: Lake,
    lock: int,
    *,
    quiet: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Export what is new, and have the engine build and test silver and gold.

    Nothing is handed back. lock: what `target_lock` gave. Raises UserError when a model or a test
    fails.
    """
    exported = export(session, lake)
    say(f"1/4 exported {exported.rows:,} rows of {exported.days:,} days to {lake.url}")
    engine.open_bronze(lake, sorted(load_contracts(session.settings.dbt_dir)))
    _build_all(session, engine, lock, quiet=quiet, say=say)


def _passed(settings: Settings, engine: Engine) -> Path:
    """Where a build leaves word that all its tests have passed: its fingerprint and its start."""
    return work_dir(settings, engine.name) / "passed.json"


def _passed_before(settings: Settings, engine: Engine) -> tuple[str, Start] | None:
    """Fingerprint and start of a build that passed all its tests and was not handed back yet."""
    try:
        state, (batches, changes, at) = json.loads(_passed(settings, engine).read_text())
    except FileNotFoundError:
        return None
    return state, Start(batches, changes, datetime.fromisoformat(at))


@contextmanager
def _recorded(session: Session, engine: Engine, state: str) -> Iterator[int]:
    """Note a build of prod, which is not up to date until it has ended; gives its number."""
    results = work_dir(session.settings, engine.name) / "target" / RESULTS
    arguments = ["--engine", engine.name]
    with recorded(session, "prod", "build", arguments, state, results) as build_id:
        no_longer_current(session, "prod")
        yield build_id


def _publish(
    session: Session,
    engine: Engine,
    build_id: int,
    since: Start,
    lock: int,
    say: Callable[[str], None],
) -> None:
    """Hand back silver and gold, compare them with bronze, exchange them for those in use."""
    manifest = load(work_dir(session.settings, engine.name) / "target" / FILE)
    _run_here(session, KEPT_HERE, lock)
    count, shadowed = _hand_back_all(session, engine, manifest)
    try:
        reconcile(session, build_id, "prod", shadowed, since, by_log=False)
        count_rows(session, build_id, shadowed)
    except UserError as error:
        raise UserError(f"nothing handed back, gold is as it was: {error}") from None
    silver, gold = _schemas(manifest)
    swap(session, silver, silver + SHADOW, patience=PATIENCE, keep=LOGS)
    swap(session, gold, gold + SHADOW, patience=PATIENCE)
    _run_here(session, SNAPSHOTS, lock)
    _passed(session.settings, engine).unlink()  # once: it must never replace a newer build
    say(f"4/4 handed back {count:,} rows")


def _build_all(
    session: Session, engine: Engine, lock: int, *, quiet: bool, say: Callable[[str], None]
) -> None:
    """Run dbt on the engine, in two parts around the identities.

    Raises UserError unless every model was built and every test has been run and passed.
    """
    folder = work_dir(session.settings, engine.name) / "target"
    done: list[dict[str, Any]] = []
    for number, part in enumerate(PARTS, 2):
        say(f"{number}/4 building and testing on {engine.name}")
        command = [*(["--quiet"] if quiet else []), "build", *WITHOUT_UNIT_TESTS, *part]
        if run_dbt(session, command, engine.name, lock=lock, variables=engine.variables()) != 0:
            raise UserError(
                f"dbt build on {engine.name} failed, gold is as it was: "
                "correct what is printed above, then run it again"
            )
        done.append(load(folder / RESULTS))
        if len(done) < len(PARTS):
            engine.put("resolved_identities", _resolve(session, engine, load(folder / FILE)))
    nodes = load(folder / FILE)["nodes"]
    wanted = {
        key for key, node in nodes.items() if node["resource_type"] in ("model", "seed", "test")
    }
    wanted -= {key for key in wanted if nodes[key]["config"]["materialized"] == "ephemeral"}
    wanted -= {key for key in wanted if _reads_a_snapshot(nodes[key])}
    left_out = set(left_out_of(done[0], wanted)) & set(left_out_of(done[1], wanted))
    if left_out:
        raise UserError(
            f"not handed back, gold is as it was: the run left out {len(left_out)} models or "
            f"tests, such as {min(left_out)}"
        )


def _reads_a_snapshot(node: dict[str, Any]) -> bool:
    return any(key.startswith("snapshot.") for key in node["depends_on"].get("nodes", []))


def _resolve(session: Session, engine: Engine, manifest: Manifest) -> pa.Table:
    """Persons of the identifiers that the engine has linked, by PostgreSQL's function."""
    nodes = {node["name"]: node for node in relations(manifest).values()}
    with session.transaction() as cursor:
        for name in (LINKS, TYPES):
            copy_in(cursor, engine, nodes[name], "pg_temp", temporary=True)
        cursor.execute(
            "select * from ops.resolve_identities(%s, %s)",
            [f"pg_temp.{nodes[name]['alias']}" for name in (LINKS, TYPES)],
        )
        names = [column.name for column in cursor.description]
        columns = list(zip(*cursor.fetchall(), strict=True)) or [[] for _ in names]
        for name in (LINKS, TYPES):
            cursor.execute(f"drop table pg_temp.{nodes[name]['alias']}")
    kinds = {"first_seen_at": pa.timestamp("us"), "is_shared": pa.bool_()}
    return pa.table(
        [
            pa.array(values, kinds.get(name, pa.string()))
            for name, values in zip(names, columns, strict=True)
        ],
        names,
    )


def _run_here(session: Session, selection: Iterable[str], lock: int) -> None:
    """Have dbt build on PostgreSQL what stays there: seeds, views of staging, snapshots."""
    command = ["--quiet", "build", *selection, "--exclude-resource-type", "test", "unit_test"]
    if run_dbt(session, command, "prod", lock=lock, keep=True) != 0:
        raise UserError("dbt failed on PostgreSQL: correct what is printed above")


def _schemas(manifest: Manifest) -> tuple[str, str]:
    """The schemas of silver's tables and of gold."""
    found = {
        node["fqn"][1]: node["schema"]
        for node in relations(manifest).values()
        if node["resource_type"] == "model"
    }
    return found["intermediate"], found["marts"]


def _hand_back_all(session: Session, engine: Engine, manifest: Manifest) -> tuple[int, Manifest]:
    """Put all tables of silver and gold into shadows; return their rows, and a manifest of them."""
    silver, gold = _schemas(manifest)
    tables = [
        node
        for node in relations(manifest).values()
        if node["resource_type"] == "model" and node["schema"] in (silver, gold)
    ]
    count = 0
    for schema in (silver, gold):
        names = {node["alias"] for node in tables if node["schema"] == schema}
        keep = LOGS if schema == silver else ()
        require_replaceable(session, schema, names, keep=keep)
        make_shadow(session, schema, schema + SHADOW)
    [(at,)] = session.query("select now()")
    for node in tables:
        count += hand_back(session, engine, node, node["schema"] + SHADOW, at)
    moved = {
        key: node | {"schema": node["schema"] + SHADOW}
        if node["schema"] in (silver, gold)
        else node
        for key, node in manifest["nodes"].items()
    }
    return count, manifest | {"nodes": moved}
