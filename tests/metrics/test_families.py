"""RFM and interests: every cell again from bronze, and every segment of the grid."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from jinja2 import Template
from tests.metrics.compiled import Copy
from tests.metrics.recompute import Company
from tests.metrics.recompute.families import (
    features_used,
    interests,
    pages_seen,
    rfm,
    segment,
)
from tests.metrics.recompute.subscriptions import Subscriptions
from tests.metrics.recompute.tables import Bronze
from tests.metrics.warehouse import frame, gold_hashes, small_gold

from o2r.settings import Settings

SEGMENTS = {
    *("Champions", "Loyal", "At Risk", "New", "Potential Loyalist", "Hibernating"),
    "Need Attention",
}


def assert_same(gold: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """The same rows, and in each the same value in every column of `wanted`."""
    assert set(gold.index) == set(wanted.index)
    gold = gold.reindex(wanted.index)
    for name in wanted:
        if not pd.api.types.is_numeric_dtype(wanted[name]):
            same = gold[name] == wanted[name]
        else:
            same = np.isclose(
                gold[name].astype(float),
                wanted[name].astype(float),
                rtol=1e-9,
                atol=2e-6,
                equal_nan=True,
            )
        assert same.all(), (name, gold.loc[~same, name].head(), wanted.loc[~same, name].head())


@pytest.fixture(scope="module")
def scores(company: Company, small: Settings) -> pd.DataFrame:
    return rfm(company, Subscriptions(small, company.as_of))


def test_every_score_again(small: Settings, scores: pd.DataFrame) -> None:
    gold = frame(small, "select * from mart_gold.rfm_scores").set_index("account_id")
    gold["monetary"] = [int(value * 10**6) for value in gold["monetary"]]
    assert_same(gold, scores)


def test_the_company_has_every_score_and_ties_at_both_ends(scores: pd.DataFrame) -> None:
    for name in ("recency_score", "frequency_score", "monetary_score"):
        assert {1, 5} <= set(scores[name])
    assert (scores["recency_days"] == 0).sum() > 5
    assert (scores["frequency"] == 0).sum() > 5


@pytest.fixture(scope="module")
def grid(small: Settings) -> pd.DataFrame:
    """The macro's segment of every combination of scores, for new, old and unknown accounts."""
    macro = (small.dbt_dir / "macros" / "rfm.sql").read_text()
    case = Template(macro + "{{ rfm_segment('r', 'f', 'm', 'is_new') }}").render().strip()
    return frame(
        small,
        f"""
        select r, f, m, is_new, {case} as segment
        from (select generate_series(1, 5) union all select null) as recency (r)
        cross join (select generate_series(1, 5) union all select null) as frequency (f)
        cross join (select generate_series(1, 5) union all select null) as monetary (m)
        cross join (values (true), (false), (null)) as tenure (is_new)
        """,
    )


def test_every_combination_of_scores_has_its_segment(grid: pd.DataFrame) -> None:
    scored = grid.dropna(subset=["r", "f", "m"])
    assert len(scored) == 3 * 125
    for row in scored.itertuples():
        assert row.segment == segment(row.r, row.f, row.m, row.is_new), row
    assert set(scored["segment"]) == SEGMENTS
    unscored = grid[grid[["r", "f", "m"]].isna().any(axis=1)]
    assert set(unscored["segment"]) == {"Not scored"}


def test_people_have_the_segment_of_their_account_and_no_money(small: Settings) -> None:
    """The join that docs/customer-families.md names gives each person one segment."""
    people = frame(
        small,
        """
        select people.person_id, scores.rfm_segment
        from mart_gold.dim_person as people
        inner join mart_gold.rfm_scores as scores on people.account_id = scores.account_id
        """,
    )
    assert len(people) > 100
    assert people["person_id"].is_unique


def test_every_interest_in_features_again(small: Settings, company: Company) -> None:
    wanted = interests(features_used(company), "account_id", "feature_name")
    assert len(wanted) > 40
    gold = frame(small, "select * from mart_gold.account_feature_interest")
    assert_same(gold.set_index(["account_id", "feature_name"]), wanted)


def test_every_interest_in_pages_again(small: Settings, company: Company) -> None:
    people = frame(small, "select person_id, is_shared_identifier from mart_gold.dim_person")
    shared = people.loc[people["is_shared_identifier"], "person_id"]
    persons = frame(small, "select event_id, person_id from mart_gold.fct_web_events")
    events = Bronze(small).latest("web_events", ["event_id"], ["loaded_at"])
    seen = pages_seen(company, events, persons.set_index("event_id")["person_id"], shared)
    wanted = interests(seen, "person_id", "page_path")
    assert len(wanted) > 50
    assert "/" in wanted.index.get_level_values(1)
    gold = frame(small, "select * from mart_gold.person_page_interest")
    assert_same(gold.set_index(["person_id", "page_path"]), wanted)


SHUFFLED = (
    *("product_usage_events", "subscriptions", "deal_stage_history", "web_events"),
    "crm_contacts",
)
REBUILT = [
    *("int_product_events", "int_product_usage_daily", "int_contract_history"),
    *("fct_feature_usage_daily", "int_contact_current", "fct_web_events", "int_deal_changes"),
    *("fct_deal_stages", "fct_deals"),
]
FAMILIES = [
    *("rfm_scores", "account_feature_interest", "person_page_interest", "deal_funnel"),
    *("deal_outcomes_monthly", "pipeline_to_close", "lead_sources"),
]


@pytest.fixture(scope="module")
def shuffled(new_database: Callable[[], Settings]) -> Copy:
    copy = Copy(small_gold(new_database), "small_families")
    copy.shuffle(SHUFFLED)
    copy.rebuild([*REBUILT, *FAMILIES])
    return copy


def test_row_order_changes_no_score_rank_or_id(small: Settings, shuffled: Copy) -> None:
    before, after = gold_hashes(small), gold_hashes(shuffled.settings)
    for mart in ("fct_deal_stages", "fct_deals", *FAMILIES):
        assert before[mart] == after[mart], mart
