"""What is unknown as it was never delivered: every source can be asked for."""

import re
from pathlib import Path

from o2r.contracts import load_contracts
from o2r.dashboards.lineage import SOURCE, Lineage

DBT = Path(__file__).resolve().parents[2] / "dbt"
MODELS = Lineage(DBT).models
TABLES = load_contracts(DBT).keys()
LIST = "int_source_delivered"


def test_every_source_that_a_model_reads_can_be_asked_for():
    """A table that is not in the list would count as never delivered for ever.

    feed_statements speaks of deliveries, and opening hours of how time is counted.
    """
    read = {table for path in MODELS.values() for table in SOURCE.findall(path.read_text("utf-8"))}
    listed = set(re.findall(r"'(\w+)'", MODELS[LIST].read_text("utf-8"))) & TABLES
    assert read <= TABLES
    assert listed == read - {
        "feed_statements",
        "support_schedules",
        "support_hours",
        "support_holidays",
    }


def test_sources_are_found_through_macros():
    """A family of marts is one macro; what it reads stands behind each of them."""
    assert "inference_user_token_usage_proprietary" in Lineage(DBT).behind(
        "token_usage_customer_weekly"
    )
