"""Write, audit, publish: gold is built and tested aside, then exchanged as a whole.

docs/decisions/0010-write-audit-publish.md says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from o2r.builds.fingerprint import fingerprint
from o2r.builds.ledger import recorded
from o2r.builds.manifests import (
    FILE,
    RESULTS,
    Manifest,
    left_out_of,
    load,
    provenance,
    relations,
    save_manifest,
)
from o2r.builds.reconcile import reconcile, start
from o2r.builds.row_counts import count_rows
from o2r.builds.run import (
    SHADOW,
    WITHOUT_UNIT_TESTS,
    check_target,
    run_dbt,
    target_lock,
    work_dir,
)
from o2r.builds.swap import make_shadow, require_replaceable, swap
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.query import Session

ONLY_GOLD = ("--select", "path:models/marts")
PATIENCE = 600.0
"""Seconds that the exchange waits for readers."""


@dataclass(frozen=True)
class Published:
    """Gold as it is now: its schema, how many tables and views, and which are gone from it."""

    schema: str
    count: int
    gone: list[str]


def publish(
    settings: Settings,
    target: str = "prod",
    *,
    only_gold: bool = False,
    full_refresh: bool = False,
    variables: str | None = None,
    quiet: bool = False,
    manifest_dir: Path | None = None,
    patience: float = PATIENCE,
) -> Published:
    """Build and test gold aside, and put it in place of the old one when all is well.

    Seeds, snapshots and silver are built in place before it, unless `only_gold`. All of gold is
    published, never a part.
    full_refresh: build incremental models anew.
    variables: YAML of dbt variables, as `dbt build --vars` takes it.
    quiet: print nothing but errors.
    manifest_dir: put the manifest of production there for `o2r ci`; not with `only_gold`.
    patience: seconds to wait for readers of gold, who are never made to fail.
    Waits for other runs on the target. Raises UserError when a model or a test fails, when other
    objects depend on the old tables, or when readers do not let go: gold is then as it was.
    """
    check_target(target, manifest_dir)
    if manifest_dir and only_gold:
        raise UserError("--save-manifest needs a complete run: leave out --only-gold")
    choices = [
        *(ONLY_GOLD if only_gold else ()),
        *(["--full-refresh"] if full_refresh else []),
        *(["--vars", variables] if variables else []),
    ]
    with target_lock(settings, target, "publish") as lock, Session(settings) as session:
        state = fingerprint(session, choices)
        origin = provenance(settings.dbt_dir)
        since = start(session)
        results = work_dir(settings, target) / "target" / RESULTS
        with recorded(session, target, "publish", choices, state, results) as build_id:
            gold, new = _parse(session, target, variables)
            require_replaceable(session, gold, new)
            make_shadow(session, gold, gold + SHADOW)
            command = [*(["--quiet"] if quiet else []), "build", *WITHOUT_UNIT_TESTS, *choices]
            if run_dbt(session, command, target, shadow=True, lock=lock, keep=True) != 0:
                raise UserError(
                    f"not published, {gold} is as it was: correct what is printed above, "
                    "then run it again"
                )
            manifest = load(_folder(settings, target) / FILE)
            _require_audited(settings, target, manifest, gold + SHADOW)
            try:
                reconcile(session, build_id, target, manifest, since)
                count_rows(session, build_id, manifest)
            except UserError as error:
                raise UserError(f"not published, {gold} is as it was: {error}") from None
            gone = swap(session, gold, gold + SHADOW, patience=patience)
        if manifest_dir:
            _save_manifest(session, manifest_dir, origin)
        return Published(gold, len(new), gone)


def _parse(session: Session, target: str, variables: str | None) -> tuple[str, set[str]]:
    """Name of the gold schema, and the tables and views that the project puts into it."""
    command = ["--quiet", "parse", *(["--vars", variables] if variables else [])]
    if run_dbt(session, command, target, shadow=True) != 0:
        raise UserError("the dbt project cannot be parsed: correct what is printed above")
    manifest = load(_folder(session.settings, target) / FILE)
    nodes = [node for node in relations(manifest).values() if node["schema"].endswith(SHADOW)]
    schemas = {node["schema"].removesuffix(SHADOW) for node in nodes}
    if len(schemas) != 1:
        raise UserError(f"gold must be one schema, not {len(schemas)}: {', '.join(schemas)}")
    return schemas.pop(), {node["alias"] for node in nodes}


def _require_audited(settings: Settings, target: str, manifest: Manifest, shadow: str) -> None:
    """UserError unless the run has built every model of gold and run every test of it.

    Variables of the environment, such as DBT_RESOURCE_TYPES, can make dbt leave out some.
    """
    results = load(_folder(settings, target) / RESULTS)
    models = {key for key, node in relations(manifest).items() if node["schema"] == shadow}
    if left_out := left_out_of(results, models | _tests_of(manifest, models)):
        raise UserError(
            f"not published, {shadow.removesuffix(SHADOW)} is as it was: the run left out (or had "
            f"no rows for) {len(left_out)} models or tests of gold, such as {left_out[0]}"
        )


def _tests_of(manifest: Manifest, models: Iterable[str]) -> set[str]:
    """Data tests that look at one of the models."""
    models = set(models)
    return {
        key
        for key, node in manifest["nodes"].items()
        if node["resource_type"] == "test" and models & set(node["depends_on"]["nodes"])
    }


def _save_manifest(session: Session, folder: Path, origin: dict[str, str]) -> None:
    """Save the manifest of a plain parse, which names the schema that gold is in now."""
    if run_dbt(session, ["--quiet", "parse"], "prod") != 0:
        raise UserError("published, but the manifest was not saved: the project cannot be parsed")
    save_manifest(
        work_dir(session.settings, "prod") / "target",
        folder,
        origin,
        results_dir=_folder(session.settings, "prod"),
    )


def _folder(settings: Settings, target: str) -> Path:
    """Where dbt leaves its JSON files when it has the shadow."""
    return work_dir(settings, target + SHADOW) / "target"
