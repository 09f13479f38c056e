"""The embedded server, setup, and the commands around them."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg2
import pytest

from o2r.contracts import load_contracts
from o2r.errors import UserError
from o2r.settings import load_settings
from o2r.warehouse import connect, connection_parameters, embedded, environment, setup
from o2r.warehouse.setup import scripts

COMMAND = [sys.executable, "-c", "from o2r.cli.main import app; app()"]


@pytest.fixture
def home(new_home, request):
    """Settings of a server not yet created; the folder's name has spaces and quotes."""
    return load_settings(home=new_home(f'it\'s "{request.node.name}" {time.monotonic_ns()}'))


@pytest.fixture
def o2r(environ):
    """Run `o2r` in a child process: `o2r(settings, *arguments, **environment)`."""

    def run(settings, *arguments, **variables):
        return subprocess.run(
            [*COMMAND, *arguments],
            env={**environ(settings), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_up_twice_is_one_server_and_down_twice_is_no_error(home):
    assert embedded.running(home) is None
    first = embedded.up(home)
    assert embedded.up(home) == first
    assert embedded.down(home)
    assert not embedded.down(home)
    assert embedded.running(home) is None


def test_ten_at_once_start_one_server(home, o2r):
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: o2r(home, "up"), range(10)))
    assert [result.returncode for result in results] == [0] * 10, results
    assert len({result.stdout for result in results}) == 1


def test_settings_of_the_server(home):
    embedded.up(home)
    with connect(home, database="postgres").cursor() as cursor:
        cursor.execute(
            "select current_setting('listen_addresses'), current_setting('fsync'), "
            "current_setting('synchronous_commit'), current_setting('server_encoding'), "
            "(select datlocale from pg_database where datname = 'postgres')"
        )
        assert cursor.fetchone() == ("", "on", "on", "UTF8", "C.UTF-8")


def test_killed_server_starts_again_with_its_data(home):
    server = embedded.up(home)
    setup(home)
    killed = psutil.Process(server.pid)
    killed.kill()
    killed.wait(10)
    again = embedded.up(home)
    assert again.pid != server.pid
    assert setup(home)


def test_pid_file_of_a_stranger_is_not_believed(home, server):
    embedded.up(home)
    embedded.down(home)
    # after a reboot the number may be that of another live process, even of another server
    stranger = embedded.running(server).pid
    lines = [stranger, home.server_dir, 0, 5432, "/tmp", "", "0 0", "ready"]
    (home.server_dir / "postmaster.pid").write_text("\n".join(map(str, lines)))
    assert embedded.running(home) is None
    assert embedded.up(home).pid != stranger


def test_half_made_data_folder_is_made_again(home):
    (home.home / "postgres.new").mkdir(parents=True)
    (home.home / "postgres.new" / "PG_VERSION").write_text("18")
    assert embedded.up(home)


def test_very_long_path(new_home):
    settings = load_settings(home=new_home("deep") / ("x" * 100) / ("y" * 100))
    server = embedded.up(settings)
    assert len(server.socket_dir) < 90
    embedded.down(settings)


def test_socket_and_data_are_private(home):
    server = embedded.up(home)
    socket_file = Path(server.socket_dir, f".s.PGSQL.{server.port}")
    for path in (home.server_dir, server.socket_dir, socket_file):
        assert Path(path).stat().st_mode & 0o077 == 0
    assert embedded.password_file(home).stat().st_mode & 0o077 == 0


def test_tcp_only_when_asked_and_with_password(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    embedded.up(home)
    wanted = load_settings(home=home.home, tcp_port=port)
    with pytest.raises(UserError, match=f"without TCP port {port}: run `o2r down`"):
        embedded.up(wanted)
    embedded.down(home)
    assert embedded.up(wanted).tcp
    parameters = {**connection_parameters(wanted), "host": "127.0.0.1", "dbname": "postgres"}
    psycopg2.connect(**parameters).close()
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(**{**parameters, "password": "wrong"})


def test_not_running_says_what_to_do(home, o2r):
    result = o2r(home, "status")
    assert result.returncode == 1
    assert result.stderr.startswith("error: no server is running in")
    assert result.stderr.count("\n") == 1
    assert "run `o2r up`" in result.stderr


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="set O2R_HOME"):
        embedded.up(load_settings(home=tmp_path / "file" / "home"))


def test_setup_twice_changes_nothing(server, query):
    catalog = """
        select c.oid::regclass::text, c.relkind::text, c.relacl::text, obj_description(c.oid)
        from pg_class c where relnamespace::regnamespace::text in ('raw_bronze', 'ops') order by 1
    """
    settings = server.model_copy(update={"database": "set_up_twice"})
    first = setup(settings)
    assert first.scripts == [path.name for path in scripts(settings)]
    assert len(first.altered) == len(load_contracts(settings.dbt_dir))
    before = query(settings, catalog)
    assert setup(settings).altered == []
    assert query(settings, catalog) == before


def test_setup_from_several_processes_at_once(server, o2r):
    settings = server.model_copy(update={"database": "set_up_at_once"})
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: o2r(settings, "setup"), range(4)))
    assert [result.returncode for result in results] == [0] * 4, results


def test_setup_waits_for_maintenance_before_it_grants(server, query):
    """An autovacuum of a new table of gold holds it, then writes to the table's own entry."""
    settings = server.model_copy(update={"database": "maintained"})
    setup(settings)
    query(settings, "create table mart_gold.kept (id int)")
    maintenance = connect(settings)
    with ThreadPoolExecutor(1) as pool, maintenance.cursor() as cursor:
        cursor.execute("set deadlock_timeout = '1min'")
        cursor.execute("lock table mart_gold.kept in share update exclusive mode")
        done = pool.submit(setup, settings)
        waiting = "select from pg_locks where not granted and relation = 'mart_gold.kept'::regclass"
        while not query(settings, waiting):
            assert not done.done()
        cursor.execute("grant select on mart_gold.kept to data_scientist")
        maintenance.commit()
        assert done.result().altered == []
    maintenance.close()


def test_failing_script_is_named_and_leaves_nothing(server, query, tmp_path):
    settings = server.model_copy(update={"database": "half", "project": tmp_path})
    folder = tmp_path / "database_scripts"
    folder.mkdir()
    (folder / "010_good.sql").write_text("create schema good;")
    (folder / "020_bad.sql").write_text("select 1 / 0;")
    with pytest.raises(UserError, match=r"script 020_bad\.sql: division by zero"):
        setup(settings)
    assert query(settings, "select 1 from pg_namespace where nspname = 'good'") == []


def test_environment_serves_libpq_and_a_named_server(server, query):
    variables = environment(server)
    psql = embedded.programs() / "psql"
    result = subprocess.run(
        [psql, "-Atc", "select current_database()"],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == server.database
    named = load_settings(
        host=variables["POSTGRES_HOST"],
        port=int(variables["POSTGRES_PORT"]),
        user=variables["POSTGRES_USER"],
        password=variables["POSTGRES_PASSWORD"],
        database=variables["POSTGRES_DB"],
    )
    assert not named.embedded
    assert query(named, "show timezone") == [("UTC",)]


def test_unreachable_server_is_one_clear_line():
    settings = load_settings(host="127.0.0.1", port=1)
    with pytest.raises(UserError, match=r"cannot connect to 127\.0\.0\.1: .*check POSTGRES_HOST"):
        connect(settings)


def test_status_and_doctor(warehouse, o2r):
    result = o2r(warehouse, "status")
    assert result.returncode == 0, result.stderr
    assert "PostgreSQL 18" in result.stdout
    assert f"{len(load_contracts(warehouse.dbt_dir))} tables, 0 with rows" in result.stdout
    result = o2r(warehouse, "doctor")
    assert result.returncode == 0, result.stdout
    assert all(line.startswith("ok") for line in result.stdout.splitlines())
    assert "postgres.password" not in result.stdout


def test_doctor_names_what_is_missing(warehouse, query, o2r):
    query(warehouse, "alter table raw_bronze.invoices drop column amount")
    result = o2r(warehouse, "doctor")
    assert result.returncode == 1
    assert "FAIL tables" in result.stdout
    assert "raw_bronze.invoices.amount: run `o2r setup`" in result.stdout
    missing = warehouse.model_copy(update={"database": "none"})
    assert "FAIL tables: cannot connect" in o2r(missing, "doctor").stdout


def test_sql_reads_by_default(warehouse, o2r):
    result = o2r(warehouse, "sql", "select 1 as a, 'x, y' as b, null as c, 1e-7::numeric", "--csv")
    assert result.stdout == 'a,b,c,numeric\n1,"x, y",,0.0000001\n'
    assert "x, y" in o2r(warehouse, "sql", "select 'x, y' as b").stdout


@pytest.mark.parametrize(
    "statement", ["create schema s", "select 1; commit; create schema s", "begin; create schema s"]
)
def test_sql_writes_only_when_told(warehouse, o2r, query, statement):
    result = o2r(warehouse, "sql", statement)
    assert result.returncode == 1
    assert "read-only" in result.stderr
    assert "--write" in result.stderr
    assert query(warehouse, "select 1 from pg_namespace where nspname = 's'") == []
    result = o2r(warehouse, "sql", "create schema s", "--write")
    assert (result.returncode, result.stdout.strip()) == (0, "CREATE SCHEMA")


def test_sql_error_is_one_line(warehouse, o2r):
    result = o2r(warehouse, "sql", "selec 1")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == 'error: SQL: syntax error at or near "selec" (character 1)\n'


def test_password_is_in_no_argument_list(home):
    server = embedded.up(home)
    secret = embedded.password(home)
    for process in psutil.process_iter(["cmdline"]):
        assert secret not in " ".join(process.info["cmdline"] or ())
    assert server


def test_a_home_that_is_no_folder_has_no_server(tmp_path):
    (tmp_path / "file").touch()
    settings = load_settings(home=tmp_path / "file")
    assert embedded.running(settings) is None
    with pytest.raises(UserError, match="cannot write to"):
        embedded.up(settings)
