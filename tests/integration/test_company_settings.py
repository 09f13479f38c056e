"""`o2r config` and `company.yml`: stated, listed, taken back, exported; all of it or nothing."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from o2r.builds.fingerprint import fingerprint
from o2r.cli.main import app
from o2r.company.file import exported, load_company, read
from o2r.company.stated import stated
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse.query import Session

FILE = """
settings:
  reporting_currency: EUR
  fiscal_year_start_month: 4
  as_of_date: 2025-10-01
metric_targets:
- {metric: nrr_pct, valid_from: 2025-01-01, target: 105.5}
sla_targets:
- {priority: p1, valid_from: 2025-01-01, clock: business, schedule: desk, resolution_hours: 4}
support_schedules:
- {schedule: desk, time_zone: Europe/Berlin}
support_hours:
- {schedule: desk, weekday: 1, valid_from: 2025-01-01, opens_minute: 540, closes_minute: 1020}
support_holidays:
- {schedule: desk, holiday_date: 2025-12-25, holiday_name: Christmas Day}
"""
COUNTS = " union all ".join(
    f"select count(*) from {table}"
    for table in ("ops.company_settings", "raw_bronze.metric_targets", "raw_bronze.support_hours")
)


@pytest.fixture
def o2r(environ, monkeypatch):
    """Run the command on a database; its exit code, and all that it says."""

    def run(settings: Settings, *words: str) -> tuple[int, str]:
        for name, value in environ(settings).items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, words)
        return done.exit_code, re.sub(r"\s+", " ", done.output)

    return run


def in_force(settings: Settings) -> dict:
    with Session(settings) as session:
        return stated(session)


def written(tmp_path: Path, text: str = FILE) -> Path:
    path = tmp_path / "company.yml"
    path.write_text(text)
    return path


def test_a_setting_is_stated_listed_and_taken_back(warehouse, o2r, query):
    assert o2r(warehouse, "config", "set", "reporting_currency", "EUR")[0] == 0
    assert o2r(warehouse, "config", "set", "health_tiers",
               "{champion: 90, healthy: 70, neutral: 50, at_risk: 30}")[0] == 0  # fmt: skip
    code, listed = o2r(warehouse, "config")
    assert code == 0
    assert "reporting_currency EUR " in listed
    assert "health_tiers champion 90, healthy 70, neutral 50, at_risk 30 " in listed
    assert "fiscal_year_start_month 1 default month" in listed
    assert o2r(warehouse, "config", "unset", "reporting_currency")[0] == 0
    assert in_force(warehouse).keys() == {"health_tiers"}
    history = "select name, value from ops.company_settings order by setting_id"
    assert [value for name, value in query(warehouse, history) if name[0] == "r"] == ["EUR", None]
    assert "nothing new" in o2r(warehouse, "config", "unset", "reporting_currency")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "reporting_currency", "ZZZ"), "error: reporting_currency: seeds/exchange_rates"),
        (("set", "fiscal_year_start_month", "13"), "error: fiscal_year_start_month: input should"),
        (("set", "nonsense", "1"), "error: no setting nonsense"),
        (("set", "time_zone", "Asia/Tokyo"), "error: time_zone: only UTC"),
        (("set", "as_of_date", ""), "error: as_of_date: say a value, or `o2r config unset as_of_"),
        (("set", "retired_feeds", "[a: b"), "error: retired_feeds: [a: b is no YAML value"),
        (("unset", "nonsense"), "error: no setting nonsense"),
    ],
)
def test_what_is_wrong_changes_nothing(warehouse, o2r, query, words, said):
    code, output = o2r(warehouse, "config", *words)
    assert (code, output.startswith(said)) == (1, True), output
    assert query(warehouse, "select count(*) from ops.company_settings") == [(0,)]


def test_a_file_states_all_and_comes_back_as_it_was(warehouse, o2r, tmp_path, new_database):
    path = written(tmp_path)
    code, output = o2r(warehouse, "config", "load", str(path), "--check")
    assert (code, output) == (0, f"{path}: fits, nothing changed ")
    assert in_force(warehouse) == {}
    assert o2r(warehouse, "config", "load", str(path))[0] == 0
    assert in_force(warehouse)["as_of_date"] == "2025-10-01"
    with Session(warehouse) as session:
        text = exported(session)
    again = new_database()
    load_company(read(written(tmp_path, text), again), again)
    with Session(again) as session:
        assert exported(session) == text
    assert in_force(again) == in_force(warehouse)
    assert "nothing new" in o2r(warehouse, "config", "load", str(path))[1]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("month: 4", "month: 14", "company.yml: fiscal_year_start_month: input should be less"),
        ("metric_targets:", "metric_target:", "company.yml: no section metric_target; did"),
        ("metric: nrr_pct", "metric: nonsense", "company.yml: metric_targets: metric: 'nonsense'"),
        ("target: 105.5", "target: many", "company.yml: metric_targets, row 1: target"),
        ("closes_minute: 1020", "closes_minute: 1500", "company.yml: support_hours, row 1: "),
        ("clock: business", "clock: sun", "company.yml: sla_targets, row 1: clock"),
        ("holiday_name:", "name:", "company.yml: support_holidays: "),
        ("schedule: desk, weekday", "weekday", "company.yml: support_hours: required column"),
        ("- {schedule: desk, time_zone: Europe/Berlin}", "  desk: x", "company.yml: support_sched"),
        ("settings:", "settings: [", "/"),
    ],
)
def test_a_file_with_a_fault_writes_nothing(warehouse, tmp_path, query, old, new, said):
    assert old in FILE
    with pytest.raises(UserError) as found:
        load_company(read(written(tmp_path, FILE.replace(old, new)), warehouse), warehouse)
    assert str(found.value).startswith(said)
    assert query(warehouse, COUNTS) == [(0,), (0,), (0,)]


def test_a_file_beside_the_exports_is_loaded_with_them(warehouse, o2r, tmp_path, query):
    (tmp_path / "support_tickets.csv").write_text(
        "ticket_id,account_id,created_at,last_updated\nt1,a1,2025-01-05,2025-01-06\n"
    )
    written(tmp_path, FILE.replace("EUR", "ZZZ"))
    code, output = o2r(warehouse, "load", str(tmp_path))
    assert (code, "seeds/exchange_rates.csv has" in output) == (1, True)
    assert query(warehouse, "select count(*) from raw_bronze.support_tickets") == [(0,)]
    written(tmp_path)
    assert o2r(warehouse, "load", str(tmp_path), "--check")[0] == 0
    assert in_force(warehouse) == {}
    code, output = o2r(warehouse, "load", str(tmp_path))
    assert (code, "skipped" in output) == (0, False), output
    assert in_force(warehouse)["reporting_currency"] == "EUR"
    assert query(warehouse, COUNTS) == [(3,), (1,), (1,)]


def test_a_setting_is_news_to_the_next_build(warehouse, o2r):
    with Session(warehouse) as session:
        before = fingerprint(session, [])
        o2r(warehouse, "config", "set", "risk_renewal_near_days", "30")
        assert fingerprint(session, []) != before
        o2r(warehouse, "config", "unset", "risk_renewal_near_days")
        assert fingerprint(session, []) == before


def test_what_could_end_a_text_in_sql_is_refused_by_the_database(warehouse, query):
    for value in ('"U\' or 1=1"', '"a\\\\b"', '"f(x)"'):
        with pytest.raises(Exception, match="company_settings_plain"):
            query(
                warehouse,
                "insert into ops.company_settings (name, value) values ('time_zone', %s)",
                (value,),
            )


def test_a_value_written_past_the_command_stops_the_build_until_it_is_taken_back(
    warehouse, query, o2r
):
    query(
        warehouse,
        "insert into ops.company_settings (name, value) "
        "values ('reporting_currency', '7'), ('of_an_older_version', '1')",
    )
    with pytest.raises(UserError, match="reporting_currency: input should be a valid string"):
        in_force(warehouse)
    assert o2r(warehouse, "config", "set", "risk_renewal_near_days", "30")[0] == 1
    for name in ("reporting_currency", "of_an_older_version"):
        assert o2r(warehouse, "config", "unset", name)[0] == 0
    assert in_force(warehouse) == {}


def test_a_setting_is_not_taken_back_where_another_needs_it(warehouse, o2r):
    assert o2r(warehouse, "config", "set", "growing_max_days", "900")[0] == 0
    assert o2r(warehouse, "config", "set", "onboarding_max_days", "800")[0] == 0
    code, output = o2r(warehouse, "config", "unset", "growing_max_days")
    assert (code, "must rise, not 800, 365" in output) == (1, True)
    assert in_force(warehouse)["growing_max_days"] == 900
