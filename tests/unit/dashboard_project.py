"""A small project with dashboards, for tests of what reads them."""

from pathlib import Path
from typing import Any

import yaml

from o2r.settings import Settings, load_settings

METRICS = """\
metric,metric_name,formula,unit,direction
weekly_revenue,Weekly revenue,Sum of the week,currency,up
error_rate_pct,Error rate,Errors / requests,%,down
latency_p90_ms,"Latency, 90th percentile",p90,ms,down
ticket_volume,Tickets,Tickets created,tickets,down
cs_score,Score,Three parts,points of 100,up
"""
MARTS = """\
models:
  - name: metric_values
    columns:
      - {name: metric, data_type: text}
      - {name: grain, data_type: text}
      - {name: period_start, data_type: date}
      - {name: dimension, data_type: text}
      - {name: dimension_value, data_type: text}
      - {name: is_complete, data_type: boolean}
      - {name: is_final, data_type: boolean}
      - {name: final_date, data_type: date}
      - {name: open_count, data_type: bigint}
      - {name: value, data_type: "numeric(24,6)"}
  - name: dim_account
    columns:
      - {name: account_id, data_type: text}
      - {name: segment, data_type: text}
      - {name: is_active, data_type: boolean}
      - {name: signed_up_date, data_type: date}
      - {name: score, data_type: "numeric(18,6)"}
"""
ACCOUNTS: dict[str, Any] = {
    "name": "Who signed up?",
    "question": "Accounts, newest first.",
    "display": "table",
    "sql": "select account_id, segment, signed_up_date, score from {{ ref('dim_account') }}",
    "columns": {
        "account_id": {"label": "Account"},
        "signed_up_date": {"label": "Signed up", "format": "date"},
    },
    "order": ["-signed_up_date", "account_id"],
    "filters": {"since": "signed_up_date", "segment": "segment"},
}
BOARD: dict[str, Any] = {
    "name": "Accounts",
    "question": "Who are they?",
    "collection": "customer",
    "owner": {"name": "Somebody", "email": "somebody@example.com"},
    "filters": {
        "since": {"label": "From", "kind": "since"},
        "segment": {
            "label": "Segment",
            "kind": "choice",
            "values": "select distinct segment from {{ ref('dim_account') }}",
        },
    },
    "items": [{"text": "Words."}, ACCOUNTS],
}


def card(**changes: Any) -> dict[str, Any]:
    """The card of accounts with other keys; None leaves one out."""
    return {key: value for key, value in (ACCOUNTS | changes).items() if value is not None}


def board(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The dashboard with these items, or its own; None leaves a key out."""
    changed = BOARD | ({"items": list(items)} if items else {}) | changes
    return {key: value for key, value in changed.items() if value is not None}


def project(folder: Path, **boards: dict[str, Any] | str) -> Settings:
    """Settings of a project in `folder` with these dashboards by key; text is written as it is."""
    (folder / "database_scripts").mkdir(parents=True, exist_ok=True)
    for name, text in {
        "dbt/dbt_project.yml": "vars: {reporting_currency: EUR}\n",
        "dbt/seeds/metric_definitions.csv": METRICS,
        "dbt/models/marts/core/all.yml": MARTS,
        "metabase/collections.yml": "customer: {name: Customers, description: About them.}\n",
        **{
            f"metabase/dashboards/{key}.yml": one
            if isinstance(one, str)
            else yaml.safe_dump(one, sort_keys=False)
            for key, one in boards.items()
        },
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load_settings(project=folder)
