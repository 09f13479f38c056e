"""Run after run over late, future, corrected and erased rows: nothing is lost or doubled.

The newest day of the first delivery is Friday 10 May 2024.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.metrics.warehouse import execute, frame, run_models

from o2r.bronze.loader import load
from o2r.settings import Settings
from o2r.warehouse import connect

REQUESTS = "request_id,account_id,model_variant,event_timestamp,input_tokens"
REVENUE = (
    "account_id,product_sku,model_variant,inference_scope,region,billing_type,currency_code,"
    "revenue_date,snapshot_date,gross_revenue_input_tokens"
)
EVENTS = "event_id,crm_account_id,product_user_id,event_type,event_timestamp"
FIRST = {
    "inference_user_token_usage_proprietary": [
        "P1,A1,m1,2024-01-30T10:00:00Z,1",
        "P2,A1,m1,2024-04-20T10:00:00Z,2",
        "P3,A1,m1,2024-05-07T10:00:00Z,4",
        "P4,A1,m1,2024-05-10T10:00:00Z,8",
        "P5,A1,m1,2024-05-10T10:00:30Z,16",
        "P6,A2,m1,2031-01-01T00:00:00Z,1024",
    ],
    "inference_user_token_usage_open_source": [
        "O1,A1,m1,2024-05-02T10:00:00Z,32",
        "O3,A3,m3,2024-05-10T12:00:00Z,0",  # this feed speaks of the newest day too
    ],
    "revenue_account_daily": [
        "A1,S,m1,global,eu,pay-as-you-go,USD,2024-05-09,2024-05-10,100",
        "A1,S,m1,global,eu,pay-as-you-go,EUR,2024-05-09,2024-05-10,10",
        "A1,S,m1,global,eu,savings-plan,USD,2024-05-09,2024-05-10,1",
        "A1,S,m1,global,eu,pay-as-you-go,USD,2030-01-01,2024-05-10,100000",
    ],
    "product_usage_events": [
        "E1,A1,U1,login,2024-04-20T10:00:00Z",
        "E2,A1,U2,login,2024-04-20T10:00:00Z",
        "E3,A1,U1,login,2024-05-10T10:00:00Z",
    ],
}
LATE = {
    "inference_user_token_usage_proprietary": [
        "P7,A1,m1,2024-05-10T10:00:10Z,100",  # the minute that was the newest
        "P8,A1,m1,2024-05-07T11:00:00Z,200",  # 3 days late
        "P9,A1,m1,2024-04-20T11:00:00Z,400",  # 20 days
        "P10,A1,m1,2024-01-30T10:00:00Z,800",  # 100 days
    ],
    "inference_user_token_usage_open_source": ["O2,A1,m1,2024-05-03T10:00:00Z,1600"],
    "revenue_account_daily": ["A1,S,m1,global,eu,pay-as-you-go,USD,2024-02-01,2024-02-02,7"],
    "product_usage_events": ["E4,A1,U1,login,2024-01-30T10:00:00Z"],
}
CORRECTED = {
    "inference_user_token_usage_proprietary": [
        "P8,A1,m1,2024-05-07T11:00:00Z,201",
        "P9,A1,m1,2024-04-22T11:00:00Z,400",  # to another day
    ],
    "revenue_account_daily": ["A1,S,m1,global,eu,pay-as-you-go,USD,2024-05-09,2024-05-12,60"],
    "product_usage_events": ["E1,A1,U1,login,2024-04-22T10:00:00Z"],  # to another day
}
MODELS = ["+int_token_usage_period", "+int_revenue_daily", "+int_product_usage_daily"]
TABLES = {
    "requests": "select feed, request_id, requested_date::text, total_tokens from {}.int_requests",
    "minutes": "select usage_minute_at::text, request_count, total_tokens "
    "from {}.int_token_usage_minute",
    "days": "select usage_date::text, request_count, total_tokens from {}.int_token_usage_daily",
    "entities": "select entity_type, usage_minute_at::text, request_count, total_tokens "
    "from {}.int_token_usage_entity_minute",
    "rates": "select entity_type, grain, period_start::text, active_minutes, "
    "tokens_per_minute_peak::text, tokens_per_minute_p90::text, requests_per_minute_p97::text "
    "from {}.int_token_usage_rates",
    "product usage": "select usage_date::text, event_count, user_count "
    "from {}.int_product_usage_daily",
    "comparisons": "select entity_id, grain, period_start::text, "
    "coalesce(previous_total_tokens, -1) from {}.int_token_usage_period",
    "revenue": "select revenue_date::text, currency_code, billing_type, net_revenue::float "
    "from {}.int_revenue_daily",
}
State = dict[str, list[tuple]]


def state(settings: Settings) -> State:
    """The rows of the incremental tables in any order, and their places on the disk."""
    found = {
        name: sorted(
            frame(settings, query.format("intermediate_silver")).itertuples(index=False, name=None)
        )
        for name, query in TABLES.items()
    }
    for model in (
        "int_requests",
        "int_token_usage_minute",
        "int_revenue_daily",
        "int_product_events",
    ):
        places = frame(settings, f"select ctid::text from intermediate_silver.{model}")
        found[f"places of {model}"] = sorted(places["ctid"])
    return found


@pytest.fixture(scope="module")
def states(
    new_database: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, State]:
    """What the tables hold after each run, by what was new to it."""
    settings = new_database()
    found: dict[str, State] = {}

    def run(news: str, *arguments: str) -> None:
        run_models(settings, "--select", *MODELS, *arguments)
        found[news] = state(settings)

    def deliver(name: str, tables: dict[str, list[str]]) -> None:
        folder: Path = tmp_path_factory.mktemp(name)
        for table, lines in tables.items():
            header = {"revenue_account_daily": REVENUE, "product_usage_events": EVENTS}.get(
                table, REQUESTS
            )
            (folder / f"{table}__{name}.csv").write_text("\n".join([header, *lines, ""]))
        load(folder, settings=settings)

    run("empty")
    deliver("first", FIRST)
    run("first")
    run("nothing")
    deliver("late", LATE)
    run("late")
    deliver("corrected", CORRECTED)
    execute(
        settings,
        "delete from raw_bronze.inference_user_token_usage_proprietary where request_id = 'P10';"
        "delete from raw_bronze.revenue_account_daily where currency_code = 'EUR';"
        "delete from raw_bronze.product_usage_events where event_id = 'E4'",
    )
    run("corrected")
    run("in full", "--full-refresh")
    found["in full"]["indexes of moved rows"] = list(
        frame(
            settings,
            "select indrelid::regclass::text from pg_index where indpred is not null "
            "and pg_get_expr(indpred, indrelid) = '(first_date <> last_date)'",
        ).itertuples(index=False, name=None)
    )
    return found


def tokens(found: State) -> int:
    return sum(row[-1] for row in found["requests"])


def test_a_table_built_empty_fills_on_the_next_run(states: dict[str, State]) -> None:
    assert not any(states["empty"].values())
    assert tokens(states["first"]) == 1 + 2 + 4 + 8 + 16 + 32 + 1024
    assert len(states["first"]["revenue"]) == 4


def test_a_run_without_news_changes_nothing(states: dict[str, State]) -> None:
    assert states["nothing"] == states["first"]


def test_late_rows_count_also_behind_a_row_of_the_future(states: dict[str, State]) -> None:
    late = states["late"]
    assert tokens(late) - tokens(states["first"]) == 100 + 200 + 400 + 800 + 1600
    assert ("2024-05-10 10:00:00", 3, 8 + 16 + 100) in late["minutes"], "the rest of a minute"
    by_day = {day: (requests, total) for day, requests, total in late["days"]}
    assert by_day["2024-01-30"] == (2, 801)
    assert by_day["2024-05-03"] == (1, 1600), "a feed behind its sibling"
    assert ("2024-02-01", "USD", "pay-as-you-go", 7) in late["revenue"]
    assert set(states["first"]["revenue"]) <= set(late["revenue"])


def test_corrected_and_erased_rows_are_followed(states: dict[str, State]) -> None:
    by_day = {day: (requests, total) for day, requests, total in states["corrected"]["days"]}
    assert by_day["2024-05-07"] == (2, 4 + 201)
    assert by_day["2024-04-20"] == (1, 2), "the request has moved away"
    assert by_day["2024-04-22"] == (1, 400)
    assert by_day["2024-01-30"] == (1, 1), "the other request was erased"
    assert [row for row in states["corrected"]["revenue"] if row[0] == "2024-05-09"] == [
        ("2024-05-09", "USD", "pay-as-you-go", 60),
        ("2024-05-09", "USD", "savings-plan", 1),
    ]
    assert states["late"]["product usage"] == [
        ("2024-01-30", 1, 1),
        ("2024-04-20", 2, 2),
        ("2024-05-10", 1, 1),
    ]
    assert states["corrected"]["product usage"] == [
        ("2024-04-20", 1, 1),
        ("2024-04-22", 1, 1),
        ("2024-05-10", 1, 1),
    ]


def test_comparisons_survive(states: dict[str, State]) -> None:
    """The week from 29 April is compared with the one before, whichever of them was rebuilt."""
    week = ("m1", "week", "2024-04-29")
    for news, previous in {"first": 0, "nothing": 0, "late": 0, "corrected": 400}.items():
        assert (*week, previous) in states[news]["comparisons"]


def test_run_by_run_equals_a_build_in_full(states: dict[str, State]) -> None:
    for name in TABLES:
        assert states["corrected"][name] == states["in full"][name]


def test_moved_rows_have_their_index_after_a_build_in_full(states: dict[str, State]) -> None:
    assert sorted(states["in full"]["indexes of moved rows"]) == [
        ("intermediate_silver.int_product_events",),
        ("intermediate_silver.int_requests",),
    ]


def test_what_is_built_is_committed_before_statistics_are_taken(
    new_database: Callable[[], Settings], tmp_path: Path
) -> None:
    """Autovacuum at work on a table may delay a run, never fail it."""
    settings = new_database()
    select = ("--select", "+int_revenue_daily")
    total = "select count(*) from intermediate_silver.int_revenue_daily"
    waiting = (
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and wait_event_type = 'Lock' and query like '%analyze%int_revenue_daily%'"
    )
    for name, deliveries in {"first": FIRST, "late": LATE}.items():
        lines = deliveries["revenue_account_daily"]
        file = tmp_path / f"revenue_account_daily__{name}.csv"
        file.write_text("\n".join([REVENUE, *lines, ""]))
        load(file, settings=settings)
        if name == "first":
            run_models(settings, *select)
    autovacuum = connect(settings)
    table = "intermediate_silver.int_revenue_daily"
    autovacuum.cursor().execute(f"lock table {table} in share update exclusive mode")
    with ThreadPoolExecutor() as pool:
        run = pool.submit(run_models, settings, *select)
        try:
            while not run.done() and not frame(settings, waiting).iloc[0, 0]:
                time.sleep(0.1)
            assert not run.done()
            assert frame(settings, total).iloc[0, 0] == len(FIRST["revenue_account_daily"]) + 1
        finally:
            autovacuum.close()
        run.result(60)


def test_the_last_days_are_read_again_whatever_went_unnoticed(
    new_database: Callable[[], Settings], tmp_path: Path
) -> None:
    """Of two rows altered behind the triggers' back, the one of the last seven days is seen."""
    settings = new_database()

    def deliver(name: str, *lines: str) -> None:
        file = tmp_path / f"revenue_account_daily__{name}.csv"
        file.write_text("\n".join([REVENUE, *lines, ""]))
        load(file, settings=settings)
        run_models(settings, "--select", "+int_revenue_daily")

    def revenue() -> dict[str, tuple[int, str]]:
        rows = frame(
            settings,
            "select revenue_date::text as day, net_revenue::int as amount, ctid::text as place "
            "from intermediate_silver.int_revenue_daily",
        )
        return {row.day: (row.amount, row.place) for row in rows.itertuples()}

    row = "A1,S,m1,global,eu,pay-as-you-go,USD,2024-05-{day},2024-05-{day},1".format
    deliver("first", *(row(day=f"{day:02}") for day in range(1, 10)))
    before = revenue()

    def alter(amount: int) -> None:
        execute(
            settings,
            "set session_replication_role = replica;"
            f"update raw_bronze.revenue_account_daily set gross_revenue_input_tokens = {amount} "
            "where revenue_date in ('2024-05-03', '2024-05-05')",
        )

    alter(100)
    deliver("next", row(day=10))
    after = revenue()
    assert {day: amount for day, (amount, _) in after.items() if amount != 1} == {"2024-05-05": 100}
    moved = {day for day in before if after[day] != before[day]}
    assert moved == {"2024-05-05"}, "days whose rows are the same are not built again"
    alter(1)
    deliver("back", row(day=11))
    assert {amount for amount, _ in revenue().values()} == {1}, "the content it once had"
