"""The answers of MetricFlow, as cells that can be laid beside those of metric_values."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pandas as pd
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.postgres import PostgresSQLSqlPlanRenderer
from metricflow_semantics.errors.error_classes import InvalidQueryException
from metricflow_semantics.model.dbt_manifest_parser import (
    parse_manifest_from_dbt_generated_manifest,
)
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from tests.metrics.warehouse import frame

from o2r.settings import Settings

GRAINS = ("week", "month")
DIMENSIONS = {
    "all": {"any": [None]},
    "plan_tier": {"any": ["account__plan_tier"]},
    "segment": {"any": ["account__segment"]},
    "region": {
        "account home": ["account__home_region"],
        "serving region": ["request__serving_region", "sample__serving_region"],
    },
    "product": {"any": ["product", "model__product"]},
}
"""Name in MetricFlow, by region_basis of the catalogue, of each dimension of metric_values."""

# One measure under two names, one for each grain.
TWINS = {
    ("weekly_revenue", "month"): "monthly_revenue",
    ("monthly_revenue", "week"): "weekly_revenue",
    ("weekly_signups", "month"): "monthly_signups",
    ("monthly_signups", "week"): "weekly_signups",
}
# Gold keeps six decimals, and a run rate does so per account.
TOLERANCE = Decimal("0.0001")

Cells = dict[tuple[object, str], Decimal]


def read_manifest(settings: Settings, target: str = "prod") -> dict:
    """What dbt wrote of the semantic models when it built the database of the settings."""
    folder = settings.home / "dbt" / f"{settings.database}_{target}" / "target"
    return json.loads((folder / "semantic_manifest.json").read_text())


class SemanticLayer:
    """MetricFlow on one database: it writes the SQL, which is run as any other query."""

    def __init__(self, settings: Settings, manifest: dict | None = None) -> None:
        parsed = parse_manifest_from_dbt_generated_manifest(
            json.dumps(manifest or read_manifest(settings))
        )
        self.settings = settings
        self.metrics = {metric.name for metric in parsed.metrics}
        self.inputs = {
            entry.name for metric in parsed.metrics for entry in metric.type_params.metrics or ()
        }
        self._engine = MetricFlowEngine(
            SemanticManifestLookup(parsed),
            SimpleNamespace(
                sql_engine_type=SqlEngine.POSTGRES, sql_plan_renderer=PostgresSQLSqlPlanRenderer()
            ),
        )

    def query(self, metric: str, *group_by: str) -> pd.DataFrame | None:
        """Rows of a metric; None where MetricFlow refuses the question."""
        request = MetricFlowQueryRequest.create(metric_names=[metric], group_by_names=group_by)
        try:
            explained = self._engine.explain(request)
        except InvalidQueryException:
            return None
        return frame(self.settings, explained.sql_statement.sql)

    def cells(self, metric: str, grain: str, dimension: str, region_basis: str) -> Cells | None:
        """Value by period and member; a metric without a value has no cell."""
        names = DIMENSIONS[dimension]
        for name in names.get(region_basis, names.get("any", ())):
            rows = self.query(metric, f"metric_time__{grain}", *([name] if name else []))
            if rows is not None:
                members = rows[name] if name else ["all"] * len(rows)
                found = list(zip(rows[f"metric_time__{grain}"], members, rows[metric], strict=True))
                cells = {
                    (pd.Timestamp(period).date(), member): Decimal(str(value))
                    for period, member, value in found
                    if not pd.isna(value)
                }
                assert len({row[:2] for row in found}) == len(found)
                return cells
        return None


def expected_cells(values: pd.DataFrame, metric: str, grain: str, dimension: str) -> Cells:
    """Value by period and member in metric_values."""
    rows = values[
        (values["metric"] == TWINS.get((metric, grain), metric))
        & (values["grain"] == grain)
        & (values["dimension"] == dimension)
    ]
    return {
        (row.period_start, row.dimension_value): row.value for row in rows.itertuples(index=False)
    }


def differences(found: Cells, expected: Cells, *, is_sum: bool) -> list[tuple]:
    """Cells that differ or that one side lacks.

    is_sum: a sum over nothing, 0 in metric_values, may be absent from MetricFlow.
    """
    nothing = Decimal(0) if is_sum else None
    return [
        (cell, found.get(cell), expected.get(cell))
        for cell in found.keys() | expected.keys()
        if cell not in expected
        or (value := found.get(cell, nothing)) is None
        or abs(value - expected[cell]) > TOLERANCE
    ]
