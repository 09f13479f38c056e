"""Loads that are killed, or run at the same time, end as one load would have."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from o2r.bronze.loader import load
from o2r.warehouse import connect

USAGE = "inference_user_token_usage_open_source"
COMMAND = [sys.executable, "-c", "from o2r.cli.main import app; app()", "load"]
ROWS = 60_000
REFUSED = {"-1": "check failed: input_tokens >= 0", "x": "input_tokens: not a valid bigint"}
"""By value of the last row: why it is kept out."""
DIE_IN_COPY = """
import os, signal, sys
from o2r.bronze.loader import load
from o2r.warehouse import connect
load(sys.argv[1], progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.fixture(params=list(REFUSED))
def usage_file(tmp_path, request):
    """A file that goes straight into typed columns, or the way of text, with a refused row."""
    path = tmp_path / f"{USAGE}.csv"
    with path.open("w") as file:
        file.write("request_id,account_id,input_tokens,event_timestamp\n")
        file.writelines(f"r{n},a{n % 7},{n},2026-0{n % 3 + 1}-05 10:00:00\n" for n in range(ROWS))
        file.write(f"bad,a,{request.param},2026-01-05\n")
    return path


@pytest.fixture
def used_warehouse(warehouse, tmp_path):
    """A database with a first batch: the very first one is serialised by its dataset as well."""
    path = tmp_path / "first" / "web_events.csv"
    path.parent.mkdir()
    path.write_text("event_id,event_timestamp,event_type\n")
    load(path, settings=warehouse)
    return warehouse


def content(query, settings):
    """What bronze, ledger and quarantine hold, apart from clock times and numbers given out."""
    return (
        query(settings, f"select count(*), sum(input_tokens) from raw_bronze.{USAGE}"),
        query(
            settings,
            "select received, inserted, duplicate, quarantined from ops.load_batches "
            f"where table_name = '{USAGE}'",
        ),
        query(settings, "select row_number, reason from ops.quarantined_rows"),
    )


def expected(path):
    value = path.read_text().rsplit("\n", 2)[1].split(",")[2]
    return (
        [(ROWS, ROWS * (ROWS - 1) // 2)],
        [(ROWS + 1, ROWS, 0, 1)],
        [(ROWS + 1, REFUSED[value])],
    )


def load_again(query, settings, path):
    """Load the file twice more and compare with one undisturbed load."""
    assert query(settings, f"select count(*) from raw_bronze.{USAGE}") == [(0,)]
    assert not load(path, settings=settings)[0].already_loaded
    assert content(query, settings) == expected(path)
    assert load(path, settings=settings)[0].already_loaded
    assert content(query, settings) == expected(path)


def test_killed_while_copying(warehouse, query, environ, usage_file):
    command = [sys.executable, "-c", DIE_IN_COPY, usage_file]
    assert subprocess.run(command, env=environ(warehouse), check=False).returncode == -9
    load_again(query, warehouse, usage_file)


@pytest.mark.parametrize(
    "table", [f"raw_bronze.{USAGE}", "ops.load_batches", "ops.quarantined_rows"]
)
def test_killed_while_writing(warehouse, query, environ, usage_file, table):
    """The load is held by a lock the moment it wants to write to the table, and killed there."""
    holder = connect(warehouse)
    holder.cursor().execute(f"lock table {table} in share mode")
    child = subprocess.Popen([*COMMAND, usage_file], env=environ(warehouse))
    deadline = time.monotonic() + 60
    waits = "select 1 from pg_locks where locktype = 'relation' and not granted"
    while not query(warehouse, waits):
        assert child.poll() is None, "the load was over before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.wait()
    holder.close()
    # the server goes on until it notices; the next load waits for it
    load_again(query, warehouse, usage_file)


def test_loads_of_one_file_at_once_insert_once(used_warehouse, query, environ, usage_file):
    holder = connect(used_warehouse)
    holder.cursor().execute("lock table ops.load_batches in share mode")
    children = [
        subprocess.Popen(
            [*COMMAND, usage_file], env=environ(used_warehouse), stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    deadline = time.monotonic() + 60
    here = "select count(*) from pg_stat_activity where application_name like 'o2r load%'"
    while query(used_warehouse, here) != [(3,)]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    holder.close()
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0] * 3
    assert sum("already loaded" in output for output in outputs) == 2
    assert content(query, used_warehouse) == expected(usage_file)


def test_files_of_one_table_at_once_keep_versions_apart(used_warehouse, query, tmp_path):
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"invoices__{number}.csv")
        rows = "".join(f"i{n},a,2026-01-05,{number},USD,paid,2026-01-05\n" for n in range(500))
        paths[-1].write_text(
            "invoice_id,account_id,invoice_date,amount,currency,status,last_updated\n" + rows
        )
    with ThreadPoolExecutor(8) as pool:
        results = [
            r for rs in pool.map(lambda p: load(p, settings=used_warehouse), paths) for r in rs
        ]
    assert [(r.inserted, r.duplicate, r.quarantined) for r in results] == [(500, 0, 0)] * 8
    assert query(
        used_warehouse,
        "select count(*), count(distinct loaded_at), count(distinct (invoice_id, loaded_at)) "
        "from raw_bronze.invoices",
    ) == [(4000, 8, 4000)]
    batches = query(used_warehouse, "select batch_id from ops.load_batches order by loaded_at")
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
