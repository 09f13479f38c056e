"""Deals: visits, deals and the marts made of them, every cell again from bronze."""

import pandas as pd
import pytest
from tests.metrics.recompute import Company
from tests.metrics.recompute.deals import LEAD, Deals
from tests.metrics.test_families import assert_same
from tests.metrics.warehouse import frame

from o2r.settings import Settings


@pytest.fixture(scope="module")
def deals(company: Company) -> Deals:
    return Deals(company)


def mart(small: Settings, name: str, keys: list[str]) -> pd.DataFrame:
    rows = frame(small, f"select * from mart_gold.{name}")
    for key in keys:
        if key.endswith(("_month", "_start")):
            rows[key] = pd.to_datetime(rows[key])
    return rows.set_index(keys)


def test_every_visit_again(small: Settings, deals: Deals) -> None:
    gold = mart(small, "fct_deal_stages", ["deal_id", "visit_number"])
    assert_same(gold, deals.visit_table)
    every = {"created", "forward", "skipped", "backward", "lost", "reopened"}
    assert every <= set(gold["movement"])
    assert gold["broken_change_count"].sum() > 0


def test_every_deal_again(small: Settings, deals: Deals) -> None:
    gold = mart(small, "fct_deals", ["deal_id"])
    wanted = deals.table.drop(columns=["created", "closed"])
    assert_same(gold, wanted.astype({"cycle_days": float}))
    assert set(gold["stage_outcome"]) == {"open", "won", "lost"}
    assert gold["deal_value"].isna().any()


def test_the_funnel_of_all_deals_again(small: Settings, deals: Deals) -> None:
    gold = mart(small, "deal_funnel", ["stage"])
    assert_same(gold[gold["grain"] == "all"], deals.funnel(deals.table))


def test_the_funnel_of_every_month_again(small: Settings, deals: Deals) -> None:
    gold = mart(small, "deal_funnel", ["cohort_month", "stage"])
    months = deals.table["created"].dt.to_period("M")
    wanted = pd.concat(
        {month.start_time: deals.funnel(part) for month, part in deals.table.groupby(months)}
    )
    assert_same(gold[gold["grain"] == "month"], wanted)


def test_outcomes_by_month_again(small: Settings, deals: Deals) -> None:
    gold = mart(small, "deal_outcomes_monthly", ["month_start"])
    assert_same(gold, deals.outcomes())
    assert list(gold.sort_index()["is_complete"]) == [True] * (len(gold) - 1) + [False]


def test_the_pipeline_again(small: Settings, deals: Deals) -> None:
    gold = mart(small, "pipeline_to_close", ["stage"])
    assert_same(gold, deals.pipeline())
    assert gold["weighted_value"].notna().any()
    assert gold["weighted_value"].isna().any()


def test_lead_sources_again(small: Settings, deals: Deals) -> None:
    assert_same(mart(small, "lead_sources", LEAD), deals.sources())


def test_a_contact_stands_where_its_latest_change_says(small: Settings) -> None:
    """What the CRM says of a contact's deal is the newest stage of its history."""
    rows = frame(
        small,
        """
        with latest as (
            select distinct on (crm_contact_id) crm_contact_id, initcap(deal_stage) as said
            from staging_silver.stg_contact_versions
            order by crm_contact_id, updated_at desc
        )
        select latest.said = changes.stage as is_same
        from latest
        inner join (
            select distinct on (crm_contact_id) crm_contact_id, stage
            from intermediate_silver.int_deal_changes
            where crm_contact_id is not null and row_id not like all (array['x-%', 'dirt-%'])
            order by crm_contact_id, changed_at desc, change_number desc
        ) as changes using (crm_contact_id)
        """,
    )
    assert len(rows) > 40
    assert rows["is_same"].all()
