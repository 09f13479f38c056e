"""A server of the tests' own, and fresh databases on it.

The server lives in a temporary O2R_HOME for the whole session (one per pytest-xdist worker). No
variable of the caller's environment and no `.env` can turn a test towards another warehouse.
"""

import gc
import itertools
import os
import signal
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from xdist.scheduler import LoadFileScheduling

from o2r.settings import Settings, load_settings
from o2r.warehouse import connect, embedded, setup

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = "o2r_template"
RARELY = (100_000, 20, 100)
"""When Python looks for garbage: by itself so often that it is a third of what dbt costs."""

LONGEST = (
    *("dags/test_runs.py", "dags/test_kills.py", "integration/test_replay.py"),
    *("browser/test_site.py", "integration/test_slim_ci.py", "metrics/test_whole_companies.py"),
    *("integration/test_demo.py", "integration/test_book_commands.py"),
    *("integration/test_foreign_data.py", "integration/test_dbt_commands.py"),
    *("integration/test_tools.py", "integration/test_tutorials.py", "integration/test_elt.py"),
    "metrics/test_engines.py",
    *("integration/test_dbt_guide.py", "integration/test_publish.py", "metrics/test_hostile.py"),
    *("integration/test_determinism.py", "metrics/test_feed_clocks.py"),
)
"""Files that take minutes. Workers begin with them, so that none is left with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


class Files(LoadFileScheduling):
    """Give a file to one worker, and those of the DAGs to the same: one Airflow at a time."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "dags" if "dags/" in file else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Files:
    return Files(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests also wait, for Airflow, for locks and for a browser."""
    return (os.cpu_count() or 1) + 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which files took longest, where more than a few ran."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.location[0]] += report.duration
    if len(seconds) > 10:
        terminalreporter.section("slowest files")
        for name, duration in seconds.most_common(10):
            terminalreporter.write_line(f"{duration:7.0f} s  {name}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", default="duckdb", help="duckdb or spark, for what compares with one"
    )
    parser.addoption("--engine-units", action="store_true", help="run all unit tests there, too")
    parser.addoption("--kills", type=int, default=1, help="kills of tests/dags/test_kills.py")


def pytest_configure() -> None:
    """Let SIGTERM end the session as Ctrl-C does: servers are stopped, folders removed.

    A shell lets what it starts in the background ignore Ctrl-C, and with it all that tests start.
    """
    gc.set_threshold(*RARELY)

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Hide the caller's settings; an empty variable also hides the one in `.env`.

    The workers of pytest-xdist share what dbt has parsed.
    """
    own = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("O2R_", "POSTGRES_", "PG", "METABASE_")):
                patch.delenv(name)
        for name in ("HOST", "PORT", "USER", "PASSWORD", "DB"):
            patch.setenv(f"POSTGRES_{name}", "")
        for name in ("HOME", "PGPORT"):
            patch.setenv(f"O2R_{name}", "")
        for name in ("URL", "USER", "PASSWORD", "READER_PASSWORD"):
            patch.setenv(f"METABASE_{name}", "")
        is_worker = hasattr(request.config, "workerinput")
        patch.setenv("TESTS_PARSED", str(own.parent if is_worker else own))
        patch.setenv("DBT_LOG_LEVEL_FILE", "none")  # a fifth of what a build costs
        # compiled once, not in each of hundreds of processes
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="session")
def new_home() -> Iterator[Callable[[str], Path]]:
    """Give folders for O2R_HOME by name; servers in them are stopped at once in the end."""
    base = Path(tempfile.mkdtemp(prefix="o2r-test-"))
    homes: list[Path] = []

    def make(name: str) -> Path:
        homes.append(base / name)
        return homes[-1]

    yield make
    for home in homes:
        if running := embedded.running(load_settings(project=ROOT, home=home)):
            process = psutil.Process(running.pid)
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
    gone = base.rename(f"{base}-gone")
    # gigabytes, which some disks take half a minute to take back
    command = ["sh", "-c", 'rm -rf "$1" &', "sh", str(gone)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def server(new_home: Callable[[str], Path]) -> Settings:
    """Settings of the running server of this session; its database is the template.

    It does not wait for the disk: what it holds need not outlive a power cut.
    """
    settings = load_settings(project=ROOT, home=new_home("session"), database=TEMPLATE)
    embedded.up(settings)
    with connect(settings, database="postgres", autocommit=True).cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"alter system set {setting} = off")
        cursor.execute("select pg_reload_conf()")
    setup(settings)
    return settings


@pytest.fixture(scope="session")
def new_database(server: Settings) -> Callable[[], Settings]:
    """Give settings of fresh databases, set up as by `o2r setup` (database grants apart)."""
    numbers = itertools.count(1)

    def make() -> Settings:
        name = f"test_{next(numbers)}"
        connection = connect(server, database="postgres", autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"create database {name} template {TEMPLATE}")
        connection.close()
        return server.model_copy(update={"database": name})

    return make


@pytest.fixture(scope="session")
def engine_name(request: pytest.FixtureRequest) -> str:
    """Of the engine that is compared with PostgreSQL."""
    return request.config.getoption("--engine")


@pytest.fixture
def warehouse(new_database: Callable[[], Settings]) -> Settings:
    """Settings of a database for one test alone."""
    return new_database()


@pytest.fixture(scope="module")
def module_warehouse(new_database: Callable[[], Settings]) -> Settings:
    """Settings of a database shared by the tests of one module."""
    return new_database()


@pytest.fixture(scope="session")
def query() -> Callable[..., list[tuple]]:
    """Run SQL with write access in a database: `query(settings, sql) -> rows`."""

    def run(settings: Settings, statement: str, parameters: object = None) -> list[tuple]:
        connection = connect(settings, autocommit=True)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description is not None else []
        finally:
            connection.close()

    return run


@pytest.fixture(scope="session")
def environ(server: Settings) -> Callable[[Settings], dict[str, str]]:
    """Give the environment in which a child process `o2r` uses the database of the settings."""

    def make(settings: Settings) -> dict[str, str]:
        return {**os.environ, "O2R_HOME": str(settings.home), "POSTGRES_DB": settings.database}

    return make
