"""`o2r demo` as its user runs it: from an empty folder to headline numbers, and again."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.in_process import put_parsed

from o2r.settings import Settings, load_settings
from o2r.warehouse import embedded

O2R = Path(sys.executable).with_name("o2r")


def o2r(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an O2R_HOME of its own."""
    return subprocess.run(
        [O2R, *arguments],
        env={**os.environ, "O2R_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(new_home) -> tuple[Settings, subprocess.CompletedProcess[str]]:
    """A small company, generated beforehand, then `o2r demo`; the folder has a space in it."""
    home = new_home("a demo")
    generated = o2r(
        home, "generate", "--accounts", "30", "--weeks", "8", "--events", "8000",
        "--end-date", "2026-10-31",
    )  # fmt: skip
    assert generated.returncode == 0, generated.stderr
    settings = load_settings(home=home)
    embedded.up(settings)
    put_parsed(settings)
    embedded.down(settings)
    return settings, o2r(home, "demo")


def gold_hashes(query, settings: Settings) -> dict[str, str]:
    """One hash per gold table over all its cells, whatever the order of rows."""
    tables = query(
        settings,
        "select table_name from information_schema.tables where table_schema = 'mart_gold'",
    )
    return {
        table: hashlib.md5(
            repr(query(settings, f"select t::text from mart_gold.{table} t order by 1")).encode()
        ).hexdigest()
        for (table,) in tables
    }


def test_demo_fills_the_warehouse_and_prints_headline_metrics_with_units(demo, query):
    settings, run = demo
    assert run.returncode == 0, run.stdout + run.stderr
    [(revenue,)] = query(
        settings,
        "select round(value, 2) from mart_gold.metric_values where metric = 'weekly_revenue' "
        "and dimension = 'all' and is_final order by period_start desc limit 1",
    )
    line = next(line for line in run.stdout.splitlines() if "Weekly revenue" in line)
    assert str(revenue) in line
    assert "USD" in line
    assert "Where to look next" in run.stdout


def test_demo_ends_with_the_address_of_its_dashboards(demo):
    settings, run = demo
    address = run.stdout.strip().splitlines()[-1].strip()
    front = settings.home / "site" / "o2r_prod" / "index.html"
    assert address == front.as_uri()
    assert "State of the Business" in front.read_text(encoding="utf-8")


def test_every_question_that_demo_offers_can_be_asked(demo):
    settings, run = demo
    questions = [
        line.split('o2r sql "', 1)[1].rstrip('"')
        for line in run.stdout.splitlines()
        if 'o2r sql "' in line
    ]
    assert len(questions) == 4
    for question in questions:
        answer = o2r(settings.home, "sql", question)
        assert answer.returncode == 0, answer.stderr


def test_a_second_demo_changes_no_number_and_builds_nothing(demo, query):
    settings, _ = demo
    before = gold_hashes(query, settings)
    again = o2r(settings.home, "demo")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "bronze: 0 new rows" in again.stdout
    assert "gold is up to date" in again.stdout
    assert gold_hashes(query, settings) == before
    assert len(before) > 40


def test_a_demo_of_another_company_is_not_mixed_in(demo, query):
    settings, _ = demo
    before = query(settings, "select count(*) from ops.load_batches")
    other = o2r(settings.home, "generate", "--accounts", "5", "--weeks", "2", "--events", "100",
                "--end-date", "2026-11-30")  # fmt: skip
    assert other.returncode == 0, other.stderr
    load = o2r(settings.home, "load", "--dataset", "demo")
    assert load.returncode == 1
    assert load.stderr.count("\n") == 1
    assert "POSTGRES_DB" in load.stderr
    assert query(settings, "select count(*) from ops.load_batches") == before


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--accounts", "0"], "accounts must be"),
        (["--end-date", "2026-13-01"], "cannot simulate"),
        (["--faults", "late,flood"], "unknown faults"),
    ],
)
def test_a_choice_out_of_range_is_named(tmp_path, arguments, problem):
    run = o2r(tmp_path, "generate", *arguments)
    assert run.returncode == 1
    assert problem in run.stderr
    assert run.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    run = o2r(tmp_path / "file", "generate", "--accounts", "2", "--weeks", "1", "--events", "5")
    assert run.returncode == 1
    assert "cannot write to" in run.stderr
    assert run.stderr.count("\n") == 1
