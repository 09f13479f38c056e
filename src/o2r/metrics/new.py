"""Write the file of a new metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from o2r.errors import UserError
from o2r.metrics.check import problems
from o2r.metrics.derive import write
from o2r.metrics.registry import FOLDER, Metric, read

GROUPS = ("mart", "semantic", "no_semantic")
"""Keys that begin a part of the file: what it is, how it is computed, MetricFlow."""


def create(project: Path, name: str, said: dict[str, Any]) -> list[Path]:
    """Write metrics/<name>.yml and the files made from it; return all that have changed.

    said: keys of `Metric`.
    Raises UserError, with nothing written, for a name that is taken and for every mistake.
    """
    path = project / FOLDER / f"{name}.yml"
    registry = read(project)
    if registry.errors:
        raise UserError("; ".join(registry.errors))
    if name in registry.metrics:
        raise UserError(f"{FOLDER}/{name}.yml exists: edit it, then run `o2r metric write`")
    text = "\n".join(_parts(said))
    path.write_text(text, encoding="utf-8")
    registry = read(project)
    wrong = [line for line in problems(registry, project) if "out of date" not in line]
    if wrong:
        path.unlink()
        raise UserError("; ".join(wrong))
    return [path, *write(registry, project)]


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
