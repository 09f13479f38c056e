"""Histories: the models of type 2 and the dbt snapshots beside them, replayed day by day.

Five days of bronze arrive one after the other, each followed by a build with its snapshots. Then
come a change that is late, one that is corrected and a configuration found later: there the models
are right, and the snapshots keep what their runs saw.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime

import pytest
from tests.in_process import dbt_in_process
from tests.metrics.warehouse import execute, frame, run_models

from o2r.settings import Settings

OPEN = datetime(9999, 12, 31)
SAID = datetime(2026, 3, 2, 8), datetime(2026, 3, 2, 9)

# account, changed at, plan tier, segment, active
ACCOUNTS = {
    2: [("A", "03-02 08:00", "Starter", "Commercial", True),
        ("B", "03-02 09:00", "Growth", "Commercial", True)],
    3: [("A", "03-03 18:00", "Growth", "Commercial", True)],
    4: [("B", "03-04 12:00", "Growth", "Strategic", True)],
    5: [("A", "03-05 18:00", "Enterprise", "Commercial", True),
        ("B", "03-05 12:00", "Growth", "Strategic", False)],
    6: [("A", "03-06 18:00", "Starter", "Commercial", True)],
}  # fmt: skip
# model variant, source region, snapshot day, active, routing, inference region; none on the 4th
REGIONS = {
    2: [("m1", "eu", 2, True, "local", "eu"), ("m1", "us", 2, True, "local", "us")],
    3: [("m1", "eu", 3, True, "local", "eu"), ("m1", "us", 3, True, "local", "us")],
    5: [("m1", "eu", 5, None, "local", "eu"), ("m1", "us", 5, True, "cross-region", "eu")],
    6: [("m1", "eu", 6, True, "local", "eu"), ("m1", "us", 6, True, "cross-region", "eu"),
        ("m2", "eu", 6, False, "local", "eu")],
}  # fmt: skip

# Version by version: what the snapshot says against what the model says, dates alike.
ACCOUNT_VERSIONS = {
    "snapshots.account_snapshot": "dbt_valid_from, dbt_valid_to",
    "intermediate_silver.int_account_history": "changed_at, valid_to_at",
}
PLAN_TIER_VERSIONS = {
    "snapshots.plan_tier_snapshot": "dbt_valid_from, dbt_valid_to",
    "mart_gold.dim_plan_tier_history": "changed_at, valid_to_at",
}
REGION_VERSIONS = {
    "snapshots.model_availability_snapshot": "dbt_valid_from, dbt_valid_to",
    "mart_gold.dim_model_availability_history": (
        "cast(valid_from_date as timestamp), cast(valid_to_date as timestamp)"
    ),
}
HISTORIES = {
    "accounts": (
        ACCOUNT_VERSIONS,
        "account_id, account_name, segment, plan_tier, vertical, home_region, is_active",
    ),
    "plan tiers": (PLAN_TIER_VERSIONS, "account_id, plan_tier, previous_plan_tier, direction"),
    "regions": (
        REGION_VERSIONS,
        "model_variant, source_region, is_active, routing_strategy, inference_region",
    ),
}
NODES = (
    *("int_as_of", "int_account_crm_version", "int_account_contract_tier"),
    *("int_account_history", "int_plan_tier_history"),
    *("int_model_availability_history", "dim_plan_tier_history", "dim_model_availability_history"),
    "resource_type:snapshot",
)

Rows = set[tuple]


def deliver(settings: Settings, day: int, accounts: list, regions: list) -> None:
    """Rows that arrive at six in the morning after a day of March 2026."""
    loaded = f"2026-03-{day + 1:02} 06:00Z"
    statements = [
        "insert into raw_bronze.customer_details (account_id, date_updated, plan_tier, segment, "
        "is_active, date_created, country, email, loaded_at) values "
        f"('{account}', '2026-{changed}Z', '{tier}', '{segment}', {active}, '2026-03-01Z', 'DE', "
        f"'{account}@example.com', '{loaded}')"
        for account, changed, tier, segment, active in accounts
    ] + [
        "insert into raw_bronze.config_model_region_availability (model_variant, source_region, "
        "snapshot_date, is_active, routing_strategy, inference_region, loaded_at) values "
        f"('{model}', '{region}', '2026-03-{seen:02}', {'null' if active is None else active}, "
        f"'{routing}', '{computes}', '{loaded}')"
        for model, region, seen, active, routing, computes in regions
    ]
    execute(settings, ";".join(statements))


def versions(settings: Settings, name: str) -> tuple[Rows, Rows]:
    """Versions of the snapshot and of the model, as sets of rows."""
    relations, attributes = HISTORIES[name]
    snapshot, model = (
        frame(settings, f"select {attributes}, {dates} from {relation}")
        for relation, dates in relations.items()
    )
    for rows in (snapshot, model):
        assert not rows.duplicated().any()
    return tuple(
        {tuple(None if value != value else value for value in row) for row in rows.to_numpy()}
        for rows in (snapshot.astype(object), model.astype(object))
    )


def remembered(settings: Settings) -> dict[str, Rows]:
    return {name: versions(settings, name)[0] for name in HISTORIES}


@pytest.fixture(scope="module", autouse=True)
def _in_process() -> Iterator[None]:
    with dbt_in_process():
        yield


@pytest.fixture(scope="module")
def replayed(module_warehouse: Settings) -> Settings:
    """Five days, a build after each."""
    for day, accounts in ACCOUNTS.items():
        deliver(module_warehouse, day, accounts, REGIONS.get(day, []))
        first = day == min(ACCOUNTS)
        run_models(module_warehouse, "--select", *NODES, *(f"+{n}" for n in NODES if first))
    return module_warehouse


@pytest.mark.parametrize("name", HISTORIES)
def test_snapshots_equal_the_models_when_all_arrives_in_order(replayed: Settings, name) -> None:
    snapshot, model = versions(replayed, name)
    assert snapshot == model
    assert len(model) >= 4


def test_plan_tiers(replayed: Settings) -> None:
    rows = frame(
        replayed,
        "select account_id, valid_from_at, valid_to_at, plan_tier, direction, is_current "
        "from mart_gold.dim_plan_tier_history order by account_id, valid_from_at",
    )
    moved = [datetime(2026, 3, day, 18) for day in (3, 5, 6)]
    assert list(rows.itertuples(index=False, name=None)) == [
        ("A", SAID[0], moved[0], "Starter", "none", False),
        ("A", moved[0], moved[1], "Growth", "upgrade", False),
        ("A", moved[1], moved[2], "Enterprise", "upgrade", False),
        ("A", moved[2], OPEN, "Starter", "downgrade", True),
        ("B", SAID[1], OPEN, "Growth", "none", True),
    ]


def test_regions(replayed: Settings) -> None:
    rows = frame(
        replayed,
        "select model_variant, source_region, valid_from_date, valid_to_date, is_active, "
        "inference_region from mart_gold.dim_model_availability_history order by 1, 2, 3",
    )
    day, never = {n: date(2026, 3, n) for n in range(2, 7)}, date(9999, 12, 31)
    assert list(rows.itertuples(index=False, name=None)) == [
        ("m1", "eu", day[2], day[5], True, "eu"),
        ("m1", "eu", day[5], day[6], None, "eu"),
        ("m1", "eu", day[6], never, True, "eu"),
        ("m1", "us", day[2], day[5], True, "us"),
        ("m1", "us", day[5], never, True, "eu"),
        ("m2", "eu", day[6], never, False, "eu"),
    ]


def test_no_address_and_no_role_without_a_need(replayed: Settings) -> None:
    for relation in (next(iter(relations)) for relations, _ in HISTORIES.values()):
        assert (
            frame(replayed, f"select count(*) from {relation} as t where t::text like '%@%'").iloc[
                0, 0
            ]
            == 0
        )
        readers = frame(
            replayed,
            "select rolname from pg_roles where rolname = any(%s) "
            "and has_table_privilege(rolname, %s, 'select') "
            "and has_schema_privilege(rolname, 'snapshots', 'usage') order by 1",
            [
                ["data_engineer", "analytics_engineer", "data_scientist", "business_user",
                 "partner_dw_engineer", "metabase_reader"],
                relation,
            ],
        )  # fmt: skip
        assert readers["rolname"].tolist() == ["analytics_engineer", "data_engineer"]


@pytest.fixture(scope="module")
def rewound(replayed: Settings) -> tuple[dict[str, Rows], dict[str, Rows], Settings]:
    """What the snapshots held before and after a build as of the 3rd."""
    before = remembered(replayed)
    run_models(replayed, "--select", *NODES, "--vars", "as_of_date: 2026-03-03")
    return before, remembered(replayed), replayed


def test_a_build_as_of_an_earlier_day_leaves_the_snapshots_alone(rewound) -> None:
    before, after, settings = rewound
    assert after == before
    tiers = versions(settings, "plan tiers")[1]
    assert {row[1] for row in tiers} == {"Starter", "Growth"}


@pytest.fixture(scope="module")
def corrected(rewound) -> Settings:
    """A build after what came late: the snapshots saw it too late."""
    settings = rewound[2]
    late = [
        ("A", "03-04 10:00", "Enterprise", "Commercial", True),  # was upgraded a day before
        ("B", "03-04 12:00", "Growth", "Enterprise sales", True),  # a change, said again
    ]
    deliver(settings, 7, late, [("m1", "us", 4, True, "cross-region", "eu")])
    run_models(settings, "--select", *NODES)
    return settings


def test_late_and_corrected_changes_are_right_in_the_models_only(
    corrected: Settings, query: Callable
) -> None:
    snapshot, model = versions(corrected, "plan tiers")
    upgraded = datetime(2026, 3, 4, 10)
    assert {row[4:] for row in model if row[:2] == ("A", "Enterprise")} == {
        (upgraded, datetime(2026, 3, 6, 18))
    }
    assert {row[4:] for row in snapshot if row[:2] == ("A", "Enterprise")} == {
        (datetime(2026, 3, 5, 18), datetime(2026, 3, 6, 18))
    }
    assert {row for row in snapshot if row[0] == "B"} == {row for row in model if row[0] == "B"}

    snapshot, model = versions(corrected, "accounts")
    said = datetime(2026, 3, 4, 12)
    assert [row[2] for row in model if row[0] == "B" and row[7] == said] == ["Enterprise sales"]
    assert [row[2] for row in snapshot if row[0] == "B" and row[7] == said] == ["Strategic"]

    snapshot, model = versions(corrected, "regions")
    assert {row for row in model - snapshot if row[1] != "us"} == set()
    assert {row[5] for row in model if row[1:4:2] == ("us", "cross-region")} == {
        datetime(2026, 3, 4)
    }
    assert {row[5] for row in snapshot if row[1:4:2] == ("us", "cross-region")} == {
        datetime(2026, 3, 5)
    }


def test_the_latest_state_is_the_same_in_both(corrected: Settings) -> None:
    """But for the attributes of a change said again: the snapshot does not look at it twice."""
    for name in ("plan tiers", "regions"):
        snapshot, model = versions(corrected, name)
        current = [{row[:2] for row in rows if row[-1] == OPEN} for rows in (snapshot, model)]
        assert current[0] == current[1]
