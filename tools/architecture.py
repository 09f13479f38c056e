"""Draw docs/pictures/architecture.svg from dbt's manifest, the metrics and the dashboards.

    python tools/architecture.py

Left to right: bronze tables by source, silver by topic, facts and dimensions, marts by domain,
metrics by layer, dashboards. A line says that something on its left is read on its right, a pale
one that it skips a column; views of staging stand for their source. A test of tests/metrics fails
while the picture is not current.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from o2r.builds.packages import install_packages
from o2r.dashboards.queries import tables
from o2r.dashboards.read import read_definitions
from o2r.dashboards.site.theme import FONT, LIGHT
from o2r.lint.__main__ import compile_project
from o2r.metrics.registry import read
from o2r.settings import load_settings

PROJECT = Path(__file__).resolve().parents[1]
PICTURE = PROJECT / "docs" / "pictures" / "architecture.svg"
COLUMNS = ("bronze", "silver", "facts and dimensions", "marts", "metrics", "dashboards")
WIDTH, COLUMN, BOX, LINE, TOP = 1300, 212, 196, 25, 44

Place = tuple[int, str]
"""Column from 0, and name of a box in it."""


def render(manifest: Mapping[str, Any]) -> str:
    """The picture as SVG; manifest: dbt's, of the whole project."""
    places, arrows = _chain(manifest)
    rows = _ordered(places, arrows)
    tallest = max(rows.values()) + 1
    height = round(TOP + tallest * LINE) + 8
    at = {place: round(TOP + (row + 0.5) * LINE) for place, row in rows.items()}
    lines = [_line(a, b, at) for a, b in sorted(arrows)]
    boxes = [
        f'<g><rect x="{_left(place)}" y="{at[place] - 10}" width="{BOX}" height="20" rx="4"/>'
        f'<text x="{_left(place) + 8}" y="{at[place] + 4}">{escape(place[1])}</text></g>'
        for place in sorted(places)
    ]
    heads = [
        f'<text class="head" x="{_left((column, ""))}" y="26">{name}</text>'
        for column, name in enumerate(COLUMNS)
    ]
    style = (
        f"text{{font:11px {FONT};fill:{LIGHT['ink']}}}"
        f"text.head{{font-weight:600;fill:{LIGHT['accent']}}}"
        f"rect{{fill:{LIGHT['soft']};stroke:{LIGHT['line']}}}"
        f"path.skip{{stroke-opacity:.13}}rect.paper{{fill:{LIGHT['surface']};stroke:none}}"
        f"path{{fill:none;stroke:{LIGHT['muted']};stroke-opacity:.35}}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            "<title>From signals to dashboards: what reads what</title>",
            f"<style>{style}</style>",
            f'<rect width="{WIDTH}" height="{height}" class="paper"/>',
            *lines,
            *boxes,
            *heads,
            "</svg>\n",
        ]
    )


def _chain(manifest: Mapping[str, Any]) -> tuple[set[Place], set[tuple[Place, Place]]]:
    """All boxes, and which are joined."""
    settings = load_settings(project=PROJECT)
    places: dict[str, Place] = {}
    for key, node in {**manifest["sources"], **manifest["nodes"]}.items():
        if node["resource_type"] == "source":
            places[key] = (0, node["source_name"])
        elif node["resource_type"] == "model" and node["package_name"] == "o2r":
            _, layer, folder = node["fqn"][:3]
            if layer == "staging":
                places[key] = (0, folder)
            elif layer == "intermediate":
                places[key] = (1, folder)
            else:
                places[key] = (2, node["name"]) if folder == "core" else (3, folder)
    arrows = {
        (places[parent], places[key])
        for key in places
        if key.startswith("model.")
        for parent in manifest["nodes"][key]["depends_on"]["nodes"]
        if parent in places
    }
    domain = {key.split(".")[2]: place for key, place in places.items() if place[0] in (2, 3)}
    for metric in read(PROJECT).metrics.values():
        arrows.add((domain[metric.mart], (4, metric.layer)))
    layers = {name: metric.layer for name, metric in read(PROJECT).metrics.items()}
    for board in read_definitions(settings).dashboards.values():
        place = (5, board.name)
        for card in board.cards:
            named = {layers[card.metric]} if card.metric in layers else set()
            if "metric_values" in tables(card.sql):
                named |= {layer for name, layer in layers.items() if f"'{name}'" in card.sql}
            arrows |= {((4, layer), place) for layer in named}
            arrows |= {(domain[mart], place) for mart in tables(card.sql) if mart in domain}
    arrows = {(a, b) for a, b in arrows if a[0] < b[0]}
    return {*places.values(), *(place for arrow in arrows for place in arrow)}, arrows


def _ordered(places: Iterable[Place], arrows: set[tuple[Place, Place]]) -> dict[Place, float]:
    """Row of each box: near what it is joined with, few lines crossing."""
    columns: dict[int, list[Place]] = defaultdict(list)
    for place in sorted(places):
        columns[place[0]].append(place)
    tallest = max(map(len, columns.values()))

    def rows() -> dict[Place, float]:
        return {
            place: (number + 0.5) * tallest / len(column) - 0.5
            for column in columns.values()
            for number, place in enumerate(column)
        }

    for _ in range(8):
        for column in columns.values():
            now = rows()
            near = {
                place: [now[a if b == place else b] for a, b in sorted(arrows) if place in (a, b)]
                for place in column
            }
            column.sort(key=lambda x: (sum(near[x]) / len(near[x]) if near[x] else now[x], x))
    return rows()


def _line(a: Place, b: Place, at: Mapping[Place, int]) -> str:
    start, end = _left(a) + BOX, _left(b)
    bend = f"{start + 20},{at[a]} {end - 20},{at[b]}"
    skips = ' class="skip"' * (b[0] - a[0] > 1)
    return f'<path{skips} d="M{start},{at[a]} C{bend} {end},{at[b]}"/>'


def _left(place: Place) -> int:
    return 16 + place[0] * COLUMN


def main() -> int:
    """Write the picture."""
    install_packages(PROJECT / "dbt")
    with tempfile.TemporaryDirectory() as folder:
        compile_project(PROJECT / "dbt", Path(folder))
        manifest = json.loads((Path(folder) / "manifest.json").read_text("utf-8"))
    PICTURE.write_text(render(manifest), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
