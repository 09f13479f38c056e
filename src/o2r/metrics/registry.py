"""One YAML file per metric: `metrics/<metric>.yml` says everything about it, once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from o2r.errors import nearest
from o2r.yaml_files import read_yaml

FOLDER = "metrics"
FACTORS = "_factors.yml"

Grain = Literal["week", "month"]
Dimension = Literal["plan_tier", "segment", "region", "product", "channel"]
Direction = Literal["up", "down"]
Owner = Literal["PRD", "GTM", "CS", "ENG"]
Text = Field(min_length=1)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Factor(_Entry):
    """What moves a success metric (book 8.4); driver: the teams that drive it."""

    id: str = Text
    name: str = Text
    moves: str
    driver: str = Text


class Semantic(_Entry):
    """The same number in MetricFlow; grains and dimensions: those for which it is the same.

    The rest are keys of a dbt metric.
    """

    grains: tuple[Grain, ...] = Field(min_length=1)
    dimensions: tuple[Dimension, ...] = ()
    type: Literal["simple", "ratio", "derived", "cumulative", "conversion"]
    type_params: dict[str, Any]
    time_granularity: str | None = None
    filter: str | None = None

    @property
    def measures(self) -> set[str]:
        """Measures that the metric reads itself."""
        return {self.type_params["measure"]} if "measure" in self.type_params else set()

    @property
    def metrics(self) -> set[str]:
        """Metrics that it is computed from."""
        return set(self.type_params.get("metrics", ()))


class Metric(_Entry):
    """A metric that a mart computes.

    value, numerator, denominator: expressions over the columns of `mart`; where: its rows.
    open_count: how many things still open will change the value when they close.
    is_complete: column that says so, where it is not the mart's own is_complete.
    feeds: those that a period needs in full; final_after_days: days after the end of a period
    until which its value can still change by design.
    region_basis: what the dimension region means.
    """

    metric: str = Field(pattern=r"^[a-z][a-z0-9_]{1,62}$")
    name: str = Text
    book: str = Text
    layer: Literal["revenue", "customer", "product_performance"]
    formula: str = Text
    unit: str = Text
    direction: Direction
    owner: Owner
    acts_on: tuple[str, ...] = ()
    additivity: Literal["additive", "stock", "count", "ratio", "percentile"]
    region_basis: Literal["account home", "serving region", "not applicable"]
    mart: str = Text
    where: str | None = None
    grains: tuple[Grain, ...] = Field(min_length=1)
    dimensions: tuple[Dimension, ...] = ()
    value: str = Text
    numerator: str | None = None
    denominator: str | None = None
    open_count: str | None = None
    is_complete: str = "is_complete"
    feeds: tuple[str, ...] = Field(min_length=1)
    final_after_days: int = Field(default=0, ge=0)
    semantic: Semantic | None = None
    no_semantic: str | None = None

    @model_validator(mode="after")
    def _says_whether_metricflow_has_it(self) -> Metric:
        if (self.semantic is None) == (self.no_semantic is None):
            raise ValueError("give either semantic, or no_semantic with the reason")
        return self

    @property
    def condition(self) -> str:
        """SQL of the rows of the mart that are the metric's."""
        grain = [f"grain = '{self.grains[0]}'"] if len(self.grains) == 1 else []
        return " and ".join(grain + ([self.where] if self.where else [])) or "true"


@dataclass
class Registry:
    """What the folder says; errors: entries that cannot be read, one line each.

    names: of all metrics that have a file, read or not.
    """

    names: set[str] = field(default_factory=set)
    metrics: dict[str, Metric] = field(default_factory=dict)
    factors: list[Factor] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def read(project: Path) -> Registry:
    """Read every file of the folder; what is wrong with one does not hide the others."""
    registry = Registry()
    folder = project / FOLDER
    for path in sorted(folder.glob("*.yml")):
        if path.name.startswith("_"):
            continue
        registry.names.add(path.stem)
        found = _load(path, registry)
        if isinstance(found, dict):
            metric = _entry(Metric, {"metric": path.stem, **found}, path.name, registry)
            if metric:
                registry.metrics[path.stem] = metric
        elif found is not None:
            registry.errors.append(f"{FOLDER}/{path.name}: write keys and values")
    for number, found in enumerate(_load(folder / FACTORS, registry) or (), start=1):
        where = found.get("id") or f"entry {number}"
        factor = _entry(Factor, found, f"{FACTORS}: {where}", registry)
        if factor:
            registry.factors.append(factor)
    return registry


def _load(path: Path, registry: Registry) -> Any:
    try:
        return read_yaml(path)
    except FileNotFoundError:
        registry.errors.append(f"{FOLDER}/{path.name}: is missing")
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = " ".join(str(error).split())
        registry.errors.append(f"{FOLDER}/{path.name}: cannot be read: {first}")
    return None


E = TypeVar("E", bound=_Entry)


def _entry(kind: type[E], found: dict, where: str, registry: Registry) -> E | None:
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        for one in error.errors():
            key = ".".join(str(part) for part in one["loc"])
            words = one["msg"].removeprefix("Value error, ")
            if one["type"] == "extra_forbidden":
                words = "no such key" + nearest(key.split(".")[-1], kind.model_fields)
            elif one["type"] == "missing":
                words = "is missing"
            registry.errors.append(f"{FOLDER}/{where}: {key + ': ' if key else ''}{words}")
        return None
