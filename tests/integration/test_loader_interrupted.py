"""Loads that are killed, or run at the same time, end as one load would have."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from o2r.bronze.loader import load

USAGE = "inference_user_token_usage_open_source"
COMMAND = [sys.executable, "-c", "from o2r.cli import app; app()", "load"]
ROWS = 60_000
PHASES = (
    "copy incoming",
    "create temp table typed",
    "insert into raw_bronze",
    "insert into ops.load_batches",
)


@pytest.fixture
def usage_file(tmp_path):
    path = tmp_path / f"{USAGE}.csv"
    with path.open("w") as file:
        file.write("request_id,account_id,input_tokens,event_timestamp\n")
        file.writelines(f"r{n},a{n % 7},{n},2026-0{n % 3 + 1}-05 10:00:00\n" for n in range(ROWS))
        file.write("bad,a,x,2026-01-05\n")
    return path


def content(query, settings):
    """What bronze, ledger and quarantine hold, apart from clock times and numbers given out."""
    return (
        query(settings, f"select count(*), sum(input_tokens) from raw_bronze.{USAGE}"),
        query(settings, "select received, inserted, duplicate, quarantined from ops.load_batches"),
        query(settings, "select row_number, reason from ops.quarantined_rows"),
    )


EXPECTED = (
    [(ROWS, ROWS * (ROWS - 1) // 2)],
    [(ROWS + 1, ROWS, 0, 1)],
    [(ROWS + 1, "input_tokens: not a valid bigint")],
)


@pytest.mark.parametrize("phase", PHASES)
def test_killed_and_run_again_is_as_if_run_once(warehouse, query, environ, usage_file, phase):
    """The loader is killed the moment that the server works on, or has just done, the phase."""
    child = subprocess.Popen([*COMMAND, usage_file], env=environ(warehouse))
    watch = (
        "select pid from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid() and lower(query) like %s"
    )
    deadline = time.monotonic() + 60
    while not query(warehouse, watch, (f"%{phase}%",)):
        assert child.poll() is None, "the load was over before it could be killed"
        assert time.monotonic() < deadline
    child.kill()
    child.wait()

    # the server may still finish the statement, but never the transaction
    results = load(usage_file, settings=warehouse)
    assert not results[0].already_loaded
    assert content(query, warehouse) == EXPECTED
    assert load(usage_file, settings=warehouse)[0].already_loaded
    assert content(query, warehouse) == EXPECTED


def test_two_loads_of_one_file_at_once_insert_once(warehouse, query, environ, usage_file):
    children = [
        subprocess.Popen(
            [*COMMAND, usage_file], env=environ(warehouse), stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0] * 3
    assert sum("already loaded" in output for output in outputs) == 2
    assert content(query, warehouse) == EXPECTED


def test_files_of_one_table_at_once_keep_versions_apart(warehouse, query, tmp_path):
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"invoices__{number}.csv")
        rows = "".join(f"i{n},a,2026-01-05,{number},USD,paid,2026-01-05\n" for n in range(500))
        paths[-1].write_text(
            "invoice_id,account_id,invoice_date,amount,currency,status,last_updated\n" + rows
        )
    with ThreadPoolExecutor(8) as pool:
        results = [r for rs in pool.map(lambda p: load(p, settings=warehouse), paths) for r in rs]
    assert [(r.inserted, r.duplicate, r.quarantined) for r in results] == [(500, 0, 0)] * 8
    assert query(
        warehouse,
        "select count(*), count(distinct loaded_at), count(distinct (invoice_id, loaded_at)) "
        "from raw_bronze.invoices",
    ) == [(4000, 8, 4000)]
    batches = query(warehouse, "select batch_id from ops.load_batches order by loaded_at")
    assert batches == sorted(batches)


def test_two_datasets_at_once_do_not_mix(warehouse, query, tmp_path):
    for number, table in enumerate(("invoices", "web_events") * 4):
        path = tmp_path / f"{number}" / f"{table}.csv"
        path.parent.mkdir()
        path.write_text(
            "invoice_id,account_id,invoice_date,amount,currency,status,last_updated\n"
            if table == "invoices"
            else "event_id,event_timestamp,event_type\n"
        )

    def attempt(path):
        dataset = "files" if path.stem == "invoices" else "demo"
        try:
            load(path, dataset=dataset, settings=warehouse)
        except Exception as error:
            return str(error)
        return "loaded"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, sorted(tmp_path.glob("*/*.csv"))))
    assert len(query(warehouse, "select distinct dataset from ops.load_batches")) == 1
    assert sum("holds the dataset" in outcome for outcome in outcomes) == 4
