"""The small company without its optional sources: what nobody delivered is unknown everywhere."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from psycopg2.extensions import cursor as Cursor
from tests.metrics.cards import DEFINITIONS as CARDS
from tests.metrics.cards import PLACES, ROOT, Place
from tests.metrics.warehouse import clone, frame
from tests.metrics.without import GOLD, WAS, Built, Mart, without

from o2r.contracts import load_contracts
from o2r.dashboards.lineage import Lineage
from o2r.dashboards.metabase.gold import Model
from o2r.dashboards.metabase.provision import needed
from o2r.dashboards.queries import any_value, tables
from o2r.dashboards.site.gold import Gold
from o2r.settings import Settings

REQUIRED = {"customer_details", "subscriptions"}
OPTIONAL = sorted(load_contracts(ROOT / "dbt").keys() - REQUIRED)
GATEWAYS = {"inference_user_token_usage_open_source", "inference_user_token_usage_proprietary"}
LEFT_OUT = {
    **{table: {table} for table in OPTIONAL},
    "requests of both gateways": GATEWAYS,
}
GIVEN = {
    *("mrr", "arr", "arr_opening", "arr_new", "arr_reactivation", "arr_expansion"),
    *("arr_contraction", "arr_churn", "nrr_pct", "grr_pct", "logo_retention_pct"),
    *("logo_churn_rate_pct", "weekly_signups", "monthly_signups", "tier_upgrade_rate_pct"),
    *("signup_to_first_payment_days", "renewal_rate_pct"),
}
"""Metrics that accounts and contracts give."""
PART = {
    **dict.fromkeys(GATEWAYS, "the other gateway is all there is: a company may have one alone"),
    "config_model_dimensions": "what it describes moves to the member Unknown",
}
"""Sources without which a number is another one, not an unknown one."""
OF_ONE_GATEWAY = {"model_migration_rate_pct"}
"""Metrics of models that all may have been behind the gateway that is missing."""
PERSONS = {
    *("dim_person", "bridge_person_merge", "person_page_interest", "audience_at_risk"),
    "audience_upgrade_candidates",
}
OTHER_ROWS = {
    **dict.fromkeys(("crm_contacts", "web_events", "product_usage_events"), PERSONS),
    "config_model_region_availability": {"revenue_at_risk"},
    "marketing_campaigns": {"acquisition_cost", "email_outcomes"},
    "quota_customer_rate_limit_adjustments": {"audience_accounts", "audience_upgrade_candidates"},
    "support_tickets": {"audience_accounts", "audience_at_risk"},
}
"""Marts that have other rows instead: persons of fewer identifiers, requests where they came in,
accounts at the default limits, accounts that only good support had kept from a low score, campaigns
by their identifiers.
"""
MEASURED = {
    "customer_health_scores": {
        *("is_usage_measured", "is_support_measured", "is_revenue_measured", "coverage_pct"),
        "health_score_change_30d",
    },
    "health_backtest": {"churned_count", "churn_pct", "lost_mrr", "lost_mrr_pct"},
    "dim_person": {
        *("is_known", "has_marketing_consent", "email_count", "phone_count"),
        *("product_user_count", "cookie_count"),
    },
    "dim_date": {"is_observed"},
    "sla_adherence": {
        f"{clock}{state}_count"
        for clock in ("", "first_response_")
        for state in ("met", "breached", "active")
    },
}
"""Columns whose 0 or false is true: they say what is known, or of the scores that there are, or
stand beside a count of all that is not judged.
"""
OTHER_LIMITS = {
    "quota_customer_rate_limit_adjustments": {
        *("minutes_at_limit", "days_at_limit", "is_near_limit"),
    },
    "quota_default_rate_limits": {"tokens_per_day_use_pct"},
}
"""Columns of quota_pressure that then hold use against the other kind of limits."""
MEANS = {"health_score", "support_score", "revenue_score", "engagement_score"}
"""Scores made of several parts, each of which takes no part where it was not measured; coverage_pct
falls with it. Ratings come with tickets and with surveys, and are one part.
"""
RANKS = {"recency_score", "frequency_score", "monetary_score", "z_score"}
WORDS = {
    "support_tickets": "ticket|support target",
    "product_usage_events": r"events per user|used on|uses \d|use fell|low risk|none due",
    "product_feature_releases": r"of \d+ features",
    "invoices": "invoice|none due",
    "csat_responses": "recommends",
    "customer_success_activities": "touch|that was due|none due",
    "platform_incidents": "incident|downtime|uptime",
    "resource_model_utilization": "utilisation",
    "requests of both gateways": "request|throttle|token",
    "quota_customer_rate_limit_adjustments": "of the limit",
    "web_events": "visit",
}
"""Words of which a sentence that holds them speaks of the source."""
SENTENCES = {"reason", "reasons", "next_step", "sentence"}
"""Columns that hold sentences; those of feed_status and o2r_driver_map say that nothing came."""


class World(NamedTuple):
    """The small company without something, and what it was; without: bronze tables."""

    name: str
    without: set[str]
    cursor: Cursor
    marts: dict[str, Mart]

    def rows(self, statement: str) -> pd.DataFrame:
        self.cursor.execute(statement)
        names = [column.name for column in self.cursor.description]
        return pd.DataFrame(self.cursor.fetchall(), columns=names)

    def counts(self, mart: Mart, conditions: dict[str, str]) -> dict[str, int]:
        """Rows that were there before, and for which a condition holds, by its name; never 0."""
        if not conditions:
            return {}
        counted = ", ".join(
            f'count(*) filter (where {condition}) as "{name}"'
            for name, condition in conditions.items()
        )
        [found] = self.rows(f"select {counted} from {mart.beside()}").to_dict("records")
        return {f"{mart.name}.{name}": int(count) for name, count in found.items() if count}

    def now(self, name: str) -> str:
        return f"{GOLD}.{name}"

    def was(self, name: str) -> str:
        return f"{GOLD}.{name}{WAS if name in self.marts else ''}"


@pytest.fixture(scope="module")
def built(small: Settings) -> Built:
    return Built(small)


@pytest.fixture(scope="module")
def lacking(small: Settings) -> Settings:
    """The small company, for worlds that are each given back."""
    return clone(small, "small_lacking")


@pytest.fixture(scope="module", params=LEFT_OUT, ids=str)
def world(lacking: Settings, built: Built, request: pytest.FixtureRequest) -> Iterator[World]:
    """The company without one optional source after another."""
    left_out = LEFT_OUT[request.param]
    with without(lacking, built, left_out) as (cursor, marts):
        yield World(request.param, left_out, cursor, {mart.name: mart for mart in marts})


@pytest.fixture(scope="module")
def alone_world(small: Settings, built: Built) -> Iterator[World]:
    """Accounts and subscriptions only."""
    with without(clone(small, "small_alone"), built, set(OPTIONAL)) as (cursor, marts):
        cursor.connection.commit()
        yield World("all", set(OPTIONAL), cursor, {mart.name: mart for mart in marts})


@pytest.fixture(scope="module")
def alone(small: Settings, alone_world: World) -> Settings:
    return small.model_copy(update={"database": alone_world.cursor.connection.info.dbname})


def scores(settings: Settings) -> pd.DataFrame:
    found = frame(settings, "select * from mart_gold.customer_health_scores where is_latest")
    return found.set_index("account_id").sort_index()


def metrics(settings: Settings) -> set[tuple]:
    found = frame(
        settings,
        "select distinct metric, grain, dimension, dimension_value from mart_gold.metric_values "
        "where value is not null",
    )
    return set(found.itertuples(index=False, name=None))


def test_what_lacks_nothing_comes_out_the_same(lacking: Settings, built: Built) -> None:
    """The worlds are made as dbt makes them."""
    with without(lacking, built, set()) as (cursor, _):
        assert built.again(cursor, set(built.sources.values()), far=True) == []


def test_accounts_and_contracts_alone_say_nothing_else(small: Settings, alone: Settings) -> None:
    found = scores(alone)
    assert len(found) > 10
    unknown = ["health_score", "usage_score", "support_score", "engagement_score"]
    unknown += ["events_30d", "features_30d", "open_tickets", "overdue_invoices"]
    assert found[unknown].isna().all(axis=None)
    assert (found["coverage_pct"] <= 12.5).all()
    risk = frame(alone, "select * from mart_gold.churn_risk_view")
    unknown = ["is_low_health", "is_usage_declining", "has_escalations", "overdue_activities"]
    unknown += ["escalations_30d", "overdue_invoices", "last_touch_date", "usage_change_pct"]
    assert risk[unknown].isna().all(axis=None)
    assert set(risk["next_step"].dropna().str.split().str[0]) <= {"Win", "Review", "Prepare"}
    assert not (risk["risk_level"] == "low").any()
    assert (risk["risk_signal_count"].dropna() > 0).all()
    assert metrics(alone) <= metrics(small), "a metric turned from empty into a number"
    assert {metric for metric, *_ in metrics(alone)} == GIVEN
    rfm = frame(alone, "select * from mart_gold.rfm_scores")
    assert rfm["frequency"].isna().all()
    assert set(rfm["rfm_segment"]) == {"Not scored"}


def test_accounts_and_contracts_alone_count_nothing_else(alone_world: World) -> None:
    assert zeros(alone_world) == {}


def test_every_empty_card_names_the_source_that_was_never_delivered(alone: Settings) -> None:
    """On the site, and in Metabase in its description."""
    said = {}
    with Gold(alone, "prod") as gold:
        for place in PLACES:
            if gold.is_blank(place.card, gold.card(place.card, place.board.name)):
                said[place.board.key, place.card.name] = gold.empty_because(place.card)
    for place, words in said.items():
        assert words.startswith("needs "), f"{place}: {words}"
        named = words.removeprefix("needs ").removesuffix(": never delivered").split(", ")
        assert set(named) <= set(OPTIONAL), f"{place}: {words}"
    assert len(said) > 100
    marts = {name: Model(GOLD, name, "") for name in Lineage(alone.dbt_dir).models}
    assert needed(alone, CARDS, marts) == said


def test_nothing_empty_turns_into_a_number(world: World) -> None:
    if world.without & PART.keys() and world.without != GATEWAYS:
        pytest.skip(PART[world.name])
    filled, new_rows = {}, set()
    for mart in world.marts.values():
        there = f"was.{mart.key[0]} is not null"
        kinds = mart.columns(world.cursor)
        filled |= world.counts(
            mart,
            {
                name: f"{there} and was.{name} is null and now.{name} is not null"
                for name, kind in kinds.items()
                if kind not in ("text", "character varying")
            },
        )
        if world.counts(mart, {"new": f"not {there}"}):
            new_rows.add(mart.name)
    assert filled == {}
    assert new_rows <= OTHER_ROWS.get(world.name, set()) | {"health_backtest"}


def zeros(world: World) -> dict[str, int]:
    """Cells that say 0 or false, and said something else when all was delivered.

    An account whose other score is no longer low has one signal less.
    """
    found = {}
    for mart in world.marts.values():
        true = MEASURED.get(mart.name, set())
        if mart.name == "quota_pressure":
            true = OTHER_LIMITS.get(world.name, set())
        if mart.name == "sla_adherence" and world.name == "support_holidays":
            true = {"sla_adherence_pct", "met_count"}  # support is then open on those days, too
        is_other = "was.is_low_health and not now.is_low_health"
        alike = f"not coalesce({is_other}, false)" if mart.name == "churn_risk_view" else "true"
        found |= world.counts(
            mart,
            {
                name: f"{alike} and was.{name} and not now.{name}"
                if kind == "boolean"
                else f"{alike} and was.{name} <> 0 and now.{name} = 0"
                for name, kind in mart.columns(world.cursor).items()
                if name not in true and kind in ("boolean", "bigint", "integer", "numeric")
            },
        )
    return found


def test_nothing_never_delivered_is_0_or_false(world: World) -> None:
    if world.without & PART.keys() and world.without != GATEWAYS:
        pytest.skip(PART[world.name])
    assert zeros(world) == {}


def test_no_score_rises_but_by_the_mean_of_what_is_left(world: World) -> None:
    risen = {}
    for mart in world.marts.values():
        kinds = mart.columns(world.cursor)
        is_mean = "now.coverage_pct < was.coverage_pct" if "coverage_pct" in kinds else "false"
        if mart.name in ("churn_risk_view", "metric_values"):
            continue  # copies
        risen |= world.counts(
            mart,
            {
                name: f"now.{name} > was.{name}"
                + (f" and not ({is_mean})" if name in MEANS else "")
                for name, kind in kinds.items()
                if name.endswith("_score")
                and kind == "numeric"
                and name not in RANKS
                and (world.name, name) != ("csat_responses", "support_score")
            },
        )
    if not (world.without <= GATEWAYS and world.without != GATEWAYS):
        assert risen == {}
    if "customer_health_scores" not in world.marts:
        return
    found = world.rows(f"select * from {world.now('customer_health_scores')}")
    was = world.rows(f"select * from {world.was('customer_health_scores')}")
    assert list(found["health_score_key"].sort_values()) == list(
        was["health_score_key"].sort_values()
    )
    weights = pd.Series({"usage": 30, "support": 20, "revenue": 25, "engagement": 25})
    parts = found[[f"{name}_score" for name in weights.index]].astype(float)
    parts.columns = weights.index
    is_scored = found["health_score"].notna()
    mean = (parts * weights).sum(axis=1) / (parts.notna() * weights).sum(axis=1)
    np.testing.assert_allclose(
        found["health_score"].astype(float)[is_scored], mean[is_scored], atol=0.06
    )
    levels = world.rows("select * from staging_silver.stg_health_levels order by valid_from")
    full = levels.iloc[-1] if len(levels) else dict.fromkeys(levels.columns, np.nan)
    uses = {
        "days": found["active_days_pct"].astype(float) / float(full["full_active_days_pct"]),
        "breadth": found["feature_breadth_pct"].astype(float)
        / float(full["full_feature_breadth_pct"]),
        "nps": found["mean_nps_90d"].astype(float) / 10,
    }
    engagement = 100 * pd.DataFrame(uses).clip(upper=1).mean(axis=1)
    is_measured = found["engagement_score"].notna()
    np.testing.assert_allclose(
        found["engagement_score"].astype(float)[is_measured], engagement[is_measured], atol=1e-4
    )


def test_its_metrics_are_empty_and_all_others_as_they_were(world: World) -> None:
    """The table of docs/bring-your-own-data.md and the words of empty cards rest on this."""
    gone = set() if world.without < GATEWAYS else world.without
    needed_by = Lineage(ROOT / "dbt").needed.items()
    needing = {metric for metric, tables in needed_by if tables & gone}
    lost, changed = set(), set()
    if "metric_values" in world.marts:
        now, was = world.now("metric_values"), world.was("metric_values")
        valued = "select metric from {} where value is not null"
        lost = set(world.rows(f"{valued.format(was)} except {valued.format(now)}")["metric"])
        columns = "metric, grain, period_start, dimension, dimension_value, value"
        # Without contacts nobody knows by what channel accounts came.
        shared = "dimension <> 'channel'" if "crm_contacts" in gone else "true"
        rows = f"select {columns} from {{}} where {shared}"
        changed = world.rows(
            f"({rows.format(now)} except {rows.format(was)}) union "
            f"({rows.format(was)} except {rows.format(now)})"
        )
        changed = set(changed["metric"])
    if world.without < GATEWAYS:
        lost -= OF_ONE_GATEWAY
    if world.without == GATEWAYS:
        needing.add("csat_response_score")  # it has the periods of requests
    assert lost == needing
    if not world.without & PART.keys() or world.without == GATEWAYS:
        assert changed == lost


def test_no_sentence_speaks_of_it(world: World) -> None:
    if world.name in WORDS:
        found = world.rows(
            "select table_name, column_name from information_schema.columns "
            f"where table_schema = '{GOLD}' and column_name in {tuple(sorted(SENTENCES))} "
            "and table_name not in ('feed_status', 'o2r_driver_map') "
            f"and table_name not like '%{WAS}'"
        )
        for table, column in found.itertuples(index=False):
            said = world.rows(
                f"select distinct {column} from {world.now(table)} "
                f"where {column} ~* '{WORDS[world.name]}' "
                f"and {column} not like 'needs %: never delivered'"
            )
            assert list(said[column]) == [], table
    if "churn_risk_view" in world.marts and world.without & {
        "product_usage_events",
        "support_tickets",
    }:
        levels = world.rows(f"select risk_level from {world.now('churn_risk_view')}")
        assert "low" not in set(levels["risk_level"])


def is_empty(world: World, place: Place, relation: Callable[[str], str]) -> bool:
    return world.rows(any_value(place.card, relation)).empty


def test_every_card_that_it_empties_names_it(world: World) -> None:
    lineage = Lineage(ROOT / "dbt")
    emptied = [
        place
        for place in PLACES
        if world.marts.keys() & set(tables(place.card.sql))
        and is_empty(world, place, world.now)
        and not is_empty(world, place, world.was)
    ]
    silent = [str(place) for place in emptied if not lineage.lacks(place.card, world.without)]
    assert silent == []
