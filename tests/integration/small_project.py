"""A small dbt project with the macros, the settings and part of the silver of the real one.

Its gold is five tables of one line each, so that a whole build takes seconds.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.metrics.warehouse import frame

from o2r.bronze.loader import load
from o2r.demo.datasets import load_dataset
from o2r.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    *("audit", "macros", "offline_packages", "packages.yml", "profiles/profiles.yml"),
    "models/groups.yml",
    *(
        f"models/staging/{source}/_sources.yml"
        for source in ("billing", "inference", "product", "support")
    ),
    "models/staging/billing/stg_revenue_daily.sql",
    "models/staging/inference/stg_requests_open_source.sql",
    "models/staging/inference/stg_requests_proprietary.sql",
    "models/staging/product/stg_product_events.sql",
    "models/staging/support/stg_tickets.sql",
    "models/intermediate/billing/int_revenue_daily.sql",
    "models/intermediate/inference/int_requests.sql",
    "models/intermediate/product/int_product_events.sql",
)
WRITTEN = {
    "models/intermediate/core/int_as_of.sql": "select date '2030-01-01' as as_of_date",
    "models/marts/core/fct_tickets.sql": "select * from {{ ref('stg_tickets') }}",
    "models/intermediate/product/int_product_usage_daily.sql": "select event_type, feature_name, "
    "occurred_date as usage_date, count(*) as event_count from {{ ref('int_product_events') }} "
    "group by event_type, feature_name, occurred_date",
    "models/marts/core/fct_feature_usage_daily.sql": "select usage_date, sum(event_count) as "
    "event_count from {{ ref('int_product_usage_daily') }} "
    "where event_type = 'feature_used' and feature_name <> 'Unknown' group by usage_date",
    "models/marts/core/fct_usage_daily.sql": "select requested_date as usage_date, "
    "count(*) as request_count from {{ ref('int_requests') }} group by requested_date",
    "models/marts/core/fct_revenue_daily.sql": "select revenue_date, currency_code, net_revenue "
    "as net_revenue_in_currency from {{ ref('int_revenue_daily') }}",
    "models/marts/support/ticket_totals.sql": "select count(*) as ticket_count "
    "from {{ ref('fct_tickets') }}",
    "tests/singular/assert_no_ticket_is_cursed.sql": "select * from {{ ref('fct_tickets') }} "
    "where channel = 'cursed'",
}
SOURCES = sorted(
    str(path.relative_to(ROOT / "dbt"))
    for path in (ROOT / "dbt").glob("models/staging/*/_sources.yml")
)
"""What else to copy for a simulated company."""
GOLD = sorted(Path(path).stem for path in WRITTEN if "/marts/" in path)


def small_project(folder: Path, settings: Settings, *more: str) -> Settings:
    """Write the project below `folder`; settings with which o2r runs it.

    more: further files and folders of the real one to copy, from `dbt` on.
    """
    for name in (*COPIED, *more):
        source, to = ROOT / "dbt" / name, folder / "dbt" / name
        to.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, to)
    for name, text in WRITTEN.items():
        path = folder / "dbt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    text = (ROOT / "dbt" / "dbt_project.yml").read_text()
    contracts = "+contract: {enforced: true}"
    assert contracts in text
    (folder / "dbt" / "dbt_project.yml").write_text(text.replace(contracts, ""))
    return settings.model_copy(update={"project": folder})


def small_warehouse(new_database: Callable[[], Settings], folder: Path) -> Settings:
    """A fresh database with the book's data, to be built by a small project in `folder`."""
    settings = new_database()
    load_dataset("chapter12", settings)
    return small_project(folder, settings)


def add_ticket(settings: Settings, number: int, channel: str = "email") -> None:
    """Deliver one more ticket."""
    file = settings.project / "support_tickets.csv"
    file.write_text(
        "ticket_id,account_id,created_at,channel,last_updated\n"
        f"extra-{number},A1,2024-05-01,{channel},2024-05-01\n"
    )
    load(file, settings=settings, mix=True)


def tickets(settings: Settings) -> int:
    """Tickets that gold counts."""
    return frame(settings, "select ticket_count from mart_gold.ticket_totals").iloc[0, 0]
