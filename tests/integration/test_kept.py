"""A build makes only what something new has reached; what is kept is what it would make."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from tests.in_process import dbt_in_process
from tests.integration.small_project import GOLD, ROOT, add_ticket, small_warehouse, tickets
from tests.metrics.warehouse import execute, frame

from o2r.builds.publish import publish
from o2r.builds.run import build, dbt
from o2r.company.stated import state
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.query import Session

SILVER = {
    "int_as_of", "int_product_events", "int_product_usage_daily", "int_requests",
    "int_revenue_daily",
}  # fmt: skip
READERS_OF_BRONZE = {"int_product_events", "int_requests", "int_revenue_daily"}
OTHER_NEWS = (
    "insert into ops.load_batches (dataset, source_file, table_name, checksum, received, "
    "inserted, duplicate, quarantined, loaded_at, started_at, finished_at) values "
    "('files', 'f', 'product_usage_events', 'c', 0, 0, 0, 0, now(), now(), now())"
)
"""A file without a row."""


@pytest.fixture
def company(new_database: Callable[[], Settings], tmp_path: Path):
    """A small project that is built, and dbt in this process."""
    with dbt_in_process():
        settings = small_warehouse(new_database, tmp_path)
        assert build_news(settings) == SILVER | {*GOLD}
        yield settings


def noted(settings: Settings) -> dict[str, object]:
    """When each table was last built."""
    found = frame(
        settings,
        "select table_name, noted_at from ops.table_states "
        "where schema_name in ('intermediate_silver', 'mart_gold')",
    )
    return dict(zip(found.table_name, found.noted_at, strict=True))


def built_by(settings: Settings, action: Callable[[], object]) -> set[str]:
    """Tables that were made meanwhile."""
    before = noted(settings)
    action()
    return {name for name, moment in noted(settings).items() if moment != before.get(name)}


def build_news(settings: Settings, *arguments: str) -> set[str]:
    """Build what is new; the tables that were made."""
    return built_by(
        settings, lambda: build(settings, arguments=arguments, quiet=True, only_if_changed=True)
    )


def test_only_what_new_rows_reach_is_built(company):
    count = tickets(company)
    add_ticket(company, 1)
    assert build_news(company) == {"fct_tickets", "ticket_totals"}
    assert tickets(company) == count + 1
    assert build_news(company) == set()


def test_a_table_that_comes_out_the_same_ends_the_chain(company):
    execute(company, "delete from raw_bronze.support_tickets where false")
    left_out = (
        "insert into raw_bronze.support_tickets (ticket_id, account_id, created_at, "
        "last_updated, loaded_at) values ('t', 'a', '1900-01-01Z', '1900-01-01Z', now())"
    )
    execute(company, left_out)
    assert build_news(company) == {"fct_tickets"}


def test_changed_code_is_built_with_what_it_changes(company):
    model = company.dbt_dir / "models/marts/core/fct_tickets.sql"
    model.write_text(model.read_text() + " where true\n")
    assert build_news(company) == {"fct_tickets"}, "the rows are the same"
    model.write_text("select *, 1 as one from {{ ref('stg_tickets') }}")
    assert build_news(company) == {"fct_tickets", "ticket_totals"}
    view = company.dbt_dir / "models/staging/support/stg_tickets.sql"
    view.write_text(view.read_text() + "\n-- another version\n")
    assert build_news(company) == {"fct_tickets"}
    function = company.scripts_dir / "035_identities.sql"
    function.parent.mkdir()
    function.write_text("create function f() returns int language sql return 1")
    assert build_news(company) == SILVER | {*GOLD}
    macro = company.dbt_dir / "macros/staging.sql"
    macro.write_text(macro.read_text() + "\n{# another version #}\n")
    assert build_news(company) == SILVER | {*GOLD}


def test_what_was_altered_by_hand_is_made_good_with_all_that_reads_it(company):
    count = tickets(company)
    execute(company, "delete from mart_gold.fct_tickets")
    assert built_by(
        company, lambda: dbt(company, ["--quiet", "run", "--select", "ticket_totals"])
    ) == {"ticket_totals"}
    assert tickets(company) == 0
    execute(company, OTHER_NEWS)
    assert build_news(company) >= {"fct_tickets", "ticket_totals"}
    assert tickets(company) == count


def test_a_reader_that_was_built_on_altered_rows_is_built_again(company):
    count = tickets(company)
    execute(company, "delete from mart_gold.fct_tickets")
    reader = company.dbt_dir / "models/marts/support/ticket_totals.sql"
    reader.write_text(reader.read_text() + " where true\n")
    assert build_news(company, "--select", "ticket_totals") == {"ticket_totals"}
    assert tickets(company) == 0
    assert build_news(company) == {"fct_tickets", "ticket_totals"}
    assert tickets(company) == count


def test_who_asks_for_all_gets_all(company):
    everything = SILVER | {*GOLD}
    assert built_by(company, lambda: build(company, quiet=True)) == everything
    assert build_news(company, "--full-refresh") == everything
    assert built_by(company, lambda: dbt(company, ["--quiet", "run"])) == everything
    add_ticket(company, 2)
    assert build_news(company) == {"fct_tickets", "ticket_totals"}
    dbt(company, ["--quiet", "run", "--empty"])
    assert build_news(company) == everything


def test_a_setting_is_an_input_of_what_reads_it(company):
    seeds = company.dbt_dir / "seeds"
    seeds.mkdir(exist_ok=True)
    shutil.copy(ROOT / "dbt/seeds/exchange_rates.csv", seeds)
    mart = company.dbt_dir / "models/marts/support/ticket_totals.sql"
    mart.write_text(
        "select count(*) as ticket_count, {{ setting('risk_renewal_near_days') }} as near_days "
        "from {{ ref('fct_tickets') }}\n"
    )
    days = company.dbt_dir / "models/intermediate/product/int_product_events.sql"
    days.write_text(days.read_text() + "-- {{ setting('idle_threshold_hours') }}\n")
    build_news(company)

    def news(**changes: int | None) -> set[str]:
        with Session(company) as session:
            assert state(session, changes) == [*changes]
        return build_news(company)

    assert news(risk_renewal_near_days=30) == {"ticket_totals"}
    near = "select near_days from mart_gold.ticket_totals"
    assert frame(company, near).iloc[0, 0] == 30
    assert news(risk_usage_min_events=7) == set(), "nothing here reads it"
    logic = "select logic from intermediate_silver.int_model_logic where model = '{}'"
    full = [frame(company, logic.format("int_product_events")).iloc[0, 0]]
    assert news(idle_threshold_hours=5) == {"int_product_events"}
    full.append(frame(company, logic.format("int_product_events")).iloc[0, 0])
    assert full[0] != full[1], "an incremental model is built in full"
    assert news(risk_renewal_near_days=None, idle_threshold_hours=None) >= {"ticket_totals"}
    assert frame(company, near).iloc[0, 0] == 60
    assert build_news(company) == set()


def test_variables_and_days_are_inputs(company):
    variables = ("--vars", "weeks_per_month: 4")
    assert build_news(company, *variables) == SILVER | {*GOLD}
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    build_news(company)
    execute(company, OTHER_NEWS)
    with patch("dbt.tracking.datetime", SimpleNamespace(now=lambda tz: tomorrow)):
        assert build_news(company) == {"fct_tickets", *READERS_OF_BRONZE}


def test_a_test_is_run_until_it_has_passed_on_these_rows(company, capfd):
    add_ticket(company, 3, "cursed")
    for _ in range(2):
        with pytest.raises(UserError, match="failed"):
            build_news(company)
        assert "FAIL assert_no_ticket_is_cursed" in capfd.readouterr().out
    execute(company, "delete from raw_bronze.support_tickets where channel = 'cursed'")
    build_news(company)
    execute(company, "update mart_gold.fct_tickets set channel = 'cursed'")
    command = ["--quiet", "test", "--select", "assert_no_ticket_is_cursed"]
    assert dbt(company, command) == 1, "a test that is asked for is run"
    assert build_news(company) == set(), "nothing has happened to bronze"


def test_gold_is_published_anew_and_kept_by_the_next_build(company):
    add_ticket(company, 4)
    assert built_by(company, lambda: publish(company, quiet=True)) == {*GOLD}
    execute(company, OTHER_NEWS)
    assert build_news(company) == {"int_product_events"}


def test_a_seed_of_which_dbt_knows_the_path_only_is_read_each_time(company):
    seed = company.dbt_dir / "seeds" / "large.csv"
    seed.parent.mkdir(exist_ok=True)

    def rows() -> int:
        build(company, arguments=["--select", "large"], quiet=True, only_if_changed=True)
        return frame(company, "select sum(n) from seeds.large").iloc[0, 0]

    seed.write_text("n,text\n" + f"1,{'x' * 1000}\n" * 1_100)
    assert rows() == 1_100
    seed.write_text("n,text\n" + f"2,{'x' * 1000}\n" * 1_100)
    assert rows() == 2_200
