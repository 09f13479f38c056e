"""`o2r site build`: every page, written aside and put in place as one folder."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from o2r.builds.run import SHADOW, work_dir
from o2r.dashboards.definitions import Definitions
from o2r.dashboards.read import FOLDER, read_definitions
from o2r.dashboards.readiness import Readiness
from o2r.dashboards.site.gold import Gold
from o2r.dashboards.site.metric_pages import MetricPages
from o2r.dashboards.site.pages import board_page, markdown
from o2r.dashboards.site.render import SCRIPTS, assets, environment
from o2r.errors import UserError
from o2r.settings import Settings

MARK = ".o2r-site"
"""File by which a folder of ours is known, which may be replaced."""
DBT_DOCS = "static_index.html"


def site_folder(settings: Settings, target: str) -> Path:
    """Where the site of a target is written unless said otherwise."""
    return settings.home / "site" / f"{settings.database}_{target}"


def build_site(
    settings: Settings,
    target: str = "prod",
    out: Path | None = None,
    *,
    only_if_changed: bool = False,
) -> Path:
    """Write the site of a target's gold; return the address of its front page.

    The same gold gives the same bytes. What was in the folder before stays until all is written.
    only_if_changed: keep a site that was written from the same build, by the same code.
    Raises UserError when gold is not built, a card's SQL fails, or the folder cannot be written or
    is not a site.
    """
    folder = (out or site_folder(settings, target)).resolve()
    with Gold(settings, target) as gold:
        stamp = made_of(settings, gold)
        if only_if_changed and _text(folder / MARK) == stamp:
            return folder / "index.html"
        definitions = read_definitions(settings, gold.currency)
        with in_place_of(folder) as aside:
            for path, text in pages(settings, gold, definitions.judged_by(gold.targets)):
                _write(aside / path, text)
            for name, text in assets(settings).items():
                _write(aside / "assets" / name, text)
            if docs := dbt_docs(settings, target):
                (aside / "dbt").mkdir()
                shutil.copyfile(docs, aside / "dbt" / "index.html")
            _write(aside / MARK, stamp)
    return folder / "index.html"


def made_of(settings: Settings, gold: Gold) -> str:
    """SHA-256 over what a site is written from: build of gold, definitions, code, documents."""
    digest = hashlib.sha256(f"{gold.newest_build()}".encode())
    files = [settings.project / "docs" / "book-errata.md"]
    for folder in (settings.project / FOLDER, Path(__file__).parents[1]):
        files += sorted(path for path in folder.rglob("*") if path.is_file())
    files += [docs] if (docs := dbt_docs(settings, gold.target)) else []
    for path in files:
        if path.suffix != ".pyc":
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def pages(settings: Settings, gold: Gold, definitions: Definitions) -> Iterator[tuple[str, str]]:
    """Path in the site and text of every page."""
    made = MetricPages(settings, gold, definitions)
    keys = {one["metric"] for one in made.metrics}
    shared = common(gold) | {"menu": _menu(settings, gold.target), "scripts": SCRIPTS}

    front = board_page(made.front(), gold, definitions, keys, root="./")
    yield _page("index.html", "index.html", shared | {
        "title": "What happened", "page": front, "week": _newest_week(gold),
        "collections": _collections(definitions)})  # fmt: skip
    for board in definitions.dashboards.values():
        yield _page(f"dashboards/{board.key}.html", "dashboard.html", shared | {
            "title": board.name, "lead": board.question, "owner": board.owner,
            "collection": definitions.collections[board.collection].name,
            "page": board_page(board, gold, definitions, keys)})  # fmt: skip
    yield _page("metrics.html", "metrics.html", shared | {
        "title": "Metrics", "layers": made.by_layer()})  # fmt: skip
    for metric in made.metrics:
        yield _page(f"metrics/{metric['metric']}.html", "metric.html", shared | {
            "title": metric["metric_name"], **made.page(metric)})  # fmt: skip
    yield _page("readiness.html", "readiness.html", shared | {
        "title": "Readiness", **readiness_tables(gold.readiness())})  # fmt: skip
    errata = (settings.project / "docs" / "book-errata.md").read_text(encoding="utf-8")
    yield _page("errata.html", "prose.html", shared | {
        "title": "Errata of the book", "html": markdown(errata)})  # fmt: skip


def readiness_tables(found: Readiness) -> dict[str, list[tuple]]:
    """The tables of the page of readiness."""
    return {
        "lacking": [(one.name, one.lacks) for one in found.metrics if one.lacks],
        "kept_out": [
            (one.table, one.reason, str(one.rows), one.example, one.where, one.mapping)
            for one in found.kept_out
        ],
        "sources": [
            (one.table, str(one.rows), one.first_day, one.last_day,
             None if one.behind is None else str(one.behind), one.newest_load, str(one.kept_out))
            for one in found.sources
        ],
    }  # fmt: skip


def common(gold: Gold) -> dict[str, Any]:
    """What every page says of its data."""
    return {"as_of": gold.as_of(), "built_at": gold.built_at(), "target": gold.target,
            "database": gold.database, "lagging": gold.lagging()}  # fmt: skip


def dbt_docs(settings: Settings, target: str) -> Path | None:
    """dbt's own documentation as one page, if `dbt docs generate --static` has written it."""
    for name in (target, target + SHADOW):
        path = work_dir(settings, name) / "target" / DBT_DOCS
        if path.is_file():
            return path
    return None


@contextmanager
def in_place_of(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of `folder` when all has gone well.

    Raises UserError when `folder` holds something else than a site, or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is not a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise UserError(f"{folder} holds other files: name a folder that is new or empty")
    aside = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        aside.chmod(0o755)
        (aside / MARK).touch()
        yield aside
        old = aside.with_name(aside.name + "-old")
        if folder.exists():
            folder.rename(old)
        try:
            aside.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise UserError(
            f"cannot write to {folder} ({error.strerror or error}): name another folder with --out"
        ) from None
    finally:
        if aside:
            shutil.rmtree(aside, ignore_errors=True)


def _page(path: str, template: str, values: dict[str, Any]) -> tuple[str, str]:
    root = "../" if "/" in path else "./"
    made = environment().get_template(template).render(root=root, current=path, **values)
    return path, made


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _menu(settings: Settings, target: str) -> list[tuple[str, str]]:
    """Label and address of the main links."""
    menu = [("Dashboards", "index.html"), ("Metrics", "metrics.html"),
            ("Readiness", "readiness.html"), ("Errata", "errata.html")]  # fmt: skip
    return menu + ([("Models", "dbt/index.html")] if dbt_docs(settings, target) else [])


def _collections(definitions: Definitions) -> list[dict[str, Any]]:
    """Collections that have dashboards, with them."""
    found = [
        {"name": one.name, "description": one.description,
         "boards": [b for b in definitions.dashboards.values() if b.collection == key]}
        for key, one in definitions.collections.items()
    ]  # fmt: skip
    return [one for one in found if one["boards"]]


def _newest_week(gold: Gold) -> str | None:
    [(week,)] = gold.query(
        "select max(period_start) from {{ ref('metric_values') }} "
        "where metric = 'weekly_revenue' and grain = 'week' and is_final",
        "newest week",
    ).rows
    return week
