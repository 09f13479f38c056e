"""Write the file of a new metric."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from o2r.errors import UserError
from o2r.metrics.check import problems
from o2r.metrics.derive import write
from o2r.metrics.registry import FOLDER, PLANNED, Metric, Registry, read

GROUPS = ("mart", "semantic", "no_semantic")
"""Keys that begin a part of the file: what it is, how it is computed, MetricFlow."""


def create(project: Path, name: str, said: dict[str, Any]) -> list[Path]:
    """Write metrics/<name>.yml and the files made from it; return all that have changed.

    said: keys of `Metric`. What the driver map plans under that name is taken over.
    Raises UserError, with nothing written, for a name that is taken and for every mistake.
    """
    path = project / FOLDER / f"{name}.yml"
    registry = read(project)
    if registry.errors:
        raise UserError("; ".join(registry.errors))
    if name in registry.metrics:
        raise UserError(f"{FOLDER}/{name}.yml exists: edit it, then run `o2r metric write`")
    said = planned(registry, name) | said
    text = "\n".join(_parts(said))
    plan = project / FOLDER / PLANNED
    before = plan.read_text(encoding="utf-8")
    plan.write_text(_without(before, name), encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    registry = read(project)
    wrong = [line for line in problems(registry, project) if "out of date" not in line]
    if wrong:
        path.unlink()
        plan.write_text(before, encoding="utf-8")
        raise UserError("; ".join(wrong))
    return [path, *write(registry, project)]


def planned(registry: Registry, name: str) -> dict[str, Any]:
    """What the driver map says of a metric of that name; empty if it does not."""
    for entry in registry.planned:
        if entry.metric == name:
            return entry.model_dump(exclude={"metric"}, mode="json")
    return {}


def _parts(said: dict[str, Any]) -> list[str]:
    parts = [""]
    for key in Metric.model_fields:
        if key not in said:
            continue
        if key in GROUPS:
            parts.append("")
        block = not isinstance(said[key], list)
        parts[-1] += yaml.safe_dump(
            {key: said[key]}, allow_unicode=True, default_flow_style=False if block else None
        )
    return parts


def _without(text: str, name: str) -> str:
    """The list of planned metrics without one of them."""
    entries = re.split(r"(?m)^(?=- )", text)
    return "".join(entry for entry in entries if not re.search(rf"\bmetric: {name}\b", entry))
