"""Build what a change touches, in schemas of its own, reading the rest from production."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg2 import Error, sql
from psycopg2.errors import DuplicateSchema
from psycopg2.extensions import cursor as Cursor

from o2r.builds.manifests import FILE, Manifest, provenance, read_production, relations
from o2r.builds.run import dbt, target_lock, work_dir
from o2r.builds.state import everything_because, graph_tests
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect

EAGER = ("--indirect-selection", "eager")
"""Also the tests that read other models, from where production built them."""
BUILDABLE = ("seed", "model", "snapshot", "test", "unit_test")
"""Resource types that `dbt build` runs."""

Say = Callable[[str], None]


def run(
    settings: Settings,
    say: Say,
    *,
    state: Path | None = None,
    name: str | None = None,
    keep: bool = False,
) -> None:
    """Build and test what differs from production, then drop the schemas made for it.

    state: folder of the production manifest; None builds everything, as a first run has none.
    name: schemas are called dbt_ci_<name>_...; default pr<number> in a pull request on GitHub,
        else a random one. Runs of one name wait for each other.
    keep: leave the schemas; the next run of this name drops them first.
    Nothing is written outside these schemas. Raises UserError when the manifest cannot be used,
    when production lacks what it promises, and when a model or a test fails.
    """
    prefix = _prefix(name or _default_name())
    production = read_production(state, settings.dbt_dir, settings.database) if state else None
    with _terminated_as_interrupted(), target_lock(settings, prefix):
        drop(settings, prefix)
        current = _parse(settings, prefix)
        schemas = _schemas(current, prefix)
        if production is None:
            say("no --state, so this is a first run: everything is built")
            arguments = []
        else:
            arguments = _select(settings, prefix, production, current, say)
            if arguments is None:
                return
        try:
            _create(settings, prefix, schemas)
            code = dbt(settings, ["build", *arguments], "ci", prefix=prefix)
        finally:
            if keep:
                say(f"kept: {', '.join(schemas)}")
            else:
                with _uninterrupted():
                    say(f"dropped: {', '.join(drop(settings, prefix))}")
        if code != 0:
            raise UserError("the CI build failed: correct what is printed above")


def clean(
    settings: Settings, *, name: str | None = None, older_than_days: float | None = None
) -> list[str]:
    """Drop the schemas that CI runs left, by the name of the run or by age; return their names.

    Raises UserError when a schema cannot be dropped.
    """
    if (name is None) == (older_than_days is None):
        raise UserError("o2r ci clean: give either --schema or --older-than")
    if name is not None:
        return drop(settings, _prefix(name))
    until = datetime.now(UTC) - timedelta(days=older_than_days)
    old = {prefix for _, prefix, started in _made(settings) if started < until}
    return [schema for prefix in sorted(old) for schema in drop(settings, prefix)]


def drop(settings: Settings, prefix: str) -> list[str]:
    """Drop the schemas that one CI run made, whatever still writes there; return their names."""
    names = sorted(schema for schema, made_for, _ in _made(settings) if made_for == prefix)
    with _cursor(settings) as cursor:
        # A killed dbt leaves sessions at work; dbt/profiles/profiles.yml names them after the run.
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = %s and datname = current_database()",
            (prefix,),
        )
        for name in names:
            cursor.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(name)))
    return names


def _prefix(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,30}", name):
        raise UserError(f"--schema {name}: 1 to 30 lower-case letters, digits, _ such as pr12")
    return f"dbt_ci_{name}"


def _default_name() -> str:
    pull_request = re.fullmatch(r"refs/pull/(\d+)/merge", os.environ.get("GITHUB_REF", ""))
    return f"pr{pull_request[1]}" if pull_request else f"run_{secrets.token_hex(4)}"


def _parse(settings: Settings, prefix: str) -> Manifest:
    """The manifest of the project as it is now, with the schemas of this run."""
    if dbt(settings, ["--quiet", "parse"], "ci", prefix=prefix) != 0:
        raise UserError("the dbt project cannot be parsed: correct what is printed above")
    current = json.loads((work_dir(settings, prefix) / "target" / FILE).read_bytes())
    current["metadata"]["env"] = provenance(settings.dbt_dir)
    return current


def _schemas(current: Manifest, prefix: str) -> list[str]:
    """The schemas this run writes; UserError if one is not its own."""
    names = sorted({n["schema"] for n in current["nodes"].values() if n.get("relation_name")})
    foreign = [name for name in names if not f"{name}_".startswith(f"{prefix}_")]
    if foreign:
        raise UserError(f"the project writes to {', '.join(foreign)}, which is not {prefix}_...")
    return names


def _select(
    settings: Settings, prefix: str, production: Manifest, current: Manifest, say: Say
) -> list[str] | None:
    """Say what differs from production; return the arguments that build it, None for nothing."""
    if reasons := everything_because(production, current):
        say(f"everything is built, because all of it depends on: {', '.join(reasons)}")
        return []
    folder = work_dir(settings, prefix) / "production"
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_text(json.dumps(production), encoding="utf-8")
    state = ["--state", str(folder), *EAGER]
    found = _list(settings, prefix, ["--select", "state:modified+", *state])
    if not any(kind in BUILDABLE for kind in found.values()):
        changed = f"only {', '.join(sorted(found))} changed" if found else "no change"
        say(f"nothing to build: {changed}")
        return None
    concerned = graph_tests(current)
    found |= {key: current["nodes"][key]["resource_type"] for key in concerned}
    selected = {key: kind for key, kind in found.items() if kind in BUILDABLE}
    counts = Counter(selected.values())
    say("selected: " + ", ".join(f"{counts[kind]} {kind}s" for kind in BUILDABLE if counts[kind]))
    for key in sorted(selected, key=lambda key: (BUILDABLE.index(selected[key]), key)):
        say(f"  {key}")
    _require_parents(settings, selected, production, current)
    names = [current["nodes"][key]["name"] for key in concerned]
    return ["--select", "state:modified+", *names, *state, "--defer", "--favor-state"]


def _list(settings: Settings, prefix: str, arguments: list[str]) -> dict[str, str]:
    """Resource type by unique id of what dbt selects."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        command = ["--quiet", "ls", "--output", "json", "--output-keys", "unique_id resource_type"]
        code = dbt(settings, [*command, *arguments], "ci", prefix=prefix, output=output)
        output.seek(0)
        printed = output.read()
    if code != 0:
        raise UserError(f"the project cannot be compared with production: {printed}")
    nodes = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    return {node["unique_id"]: node["resource_type"] for node in nodes}


def _require_parents(
    settings: Settings, selected: Iterable[str], production: Manifest, current: Manifest
) -> None:
    """UserError when production lacks a relation that the selected nodes are going to read."""
    everything = current["nodes"] | current["unit_tests"]
    needed, waiting = set(), list(selected)
    seen = set(waiting)
    kept = relations(production)
    while waiting:
        for parent in set(everything[waiting.pop()]["depends_on"].get("nodes", [])) - seen:
            seen.add(parent)
            if parent in kept:
                needed.add(kept[parent]["relation_name"])
            elif parent in everything:
                waiting.append(parent)  # ephemeral, so its own parents are read
    with _cursor(settings) as cursor:
        cursor.execute(
            "select name from unnest(%s) as name where to_regclass(name) is null order by name",
            (sorted(needed),),
        )
        missing = [name.replace('"', "") for (name,) in cursor.fetchall()]
    if missing:
        raise UserError(
            f"production lacks {len(missing)} of the relations in its manifest, such as "
            f"{missing[0]}: build production at the commit of the manifest first"
        )


def _create(settings: Settings, prefix: str, schemas: list[str]) -> None:
    """Create the schemas, each with a comment that says whose it is and since when."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with _cursor(settings) as cursor:
        for schema in schemas:
            name = sql.Identifier(schema)
            comment = sql.Literal(json.dumps({"ci_run": prefix, "started_at": now}))
            try:
                cursor.execute(sql.SQL("create schema {}").format(name))
            except DuplicateSchema:
                raise UserError(
                    f"schema {schema} exists and is not of `o2r ci`: use another --schema"
                ) from None
            cursor.execute(sql.SQL("comment on schema {} is {}").format(name, comment))


def _made(settings: Settings) -> list[tuple[str, str, datetime]]:
    """Schemas made by CI runs: name, prefix of the run, start of the run."""
    with _cursor(settings) as cursor:
        cursor.execute(
            "select nspname, obj_description(oid, 'pg_namespace') from pg_namespace "
            "where obj_description(oid, 'pg_namespace') like '{\"ci_run\":%'"
        )
        found = [(schema, json.loads(comment)) for schema, comment in cursor.fetchall()]
    return [
        (schema, made["ci_run"], datetime.fromisoformat(made["started_at"]))
        for schema, made in found
    ]


@contextmanager
def _cursor(settings: Settings) -> Iterator[Cursor]:
    """A cursor that commits each statement; what the server refuses is a UserError."""
    connection = connect(settings, autocommit=True)
    try:
        with connection.cursor() as cursor:
            yield cursor
    except Error as error:
        raise UserError(f"the warehouse refused: {error}") from None
    finally:
        connection.close()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let an end asked for by another process clean up like Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with _handling({signal.SIGTERM: interrupt, signal.SIGHUP: interrupt}):
        yield


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Finish cleaning up, however often Ctrl-C is pressed."""
    with _handling(dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), signal.SIG_IGN)):
        yield


@contextmanager
def _handling(handlers: dict[signal.Signals, Any]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
