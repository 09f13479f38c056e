"""docker/databases.sql on a real server, called as Compose calls it."""

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import yaml

from o2r.settings import Settings, load_settings
from o2r.warehouse import connect, embedded, environment

ROOT = Path(__file__).resolve().parents[2]
SERVICE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["databases"]
FIRST = {"AIRFLOW_DB_PASSWORD": "it's\\ $first;--", "METABASE_DB_PASSWORD": "m-first"}
SECOND = {"AIRFLOW_DB_PASSWORD": "a-second", "METABASE_DB_PASSWORD": "m-second"}


@pytest.fixture(scope="module")
def own_server(new_home: Callable[[str], Path]) -> Settings:
    """A server of this module alone, as roles belong to a server; TCP asks for passwords."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = load_settings(project=ROOT, home=new_home("compose"), tcp_port=port)
    embedded.up(settings)
    return settings


def psql(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command of the service, with its file at its place in the project."""
    (volume,) = SERVICE["volumes"]
    file, inside, _ = volume.split(":")
    program, *arguments = (word.replace(inside, str(ROOT / file)) for word in SERVICE["entrypoint"])
    return subprocess.run(
        [embedded.programs() / program, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def make_databases(settings: Settings, passwords: dict[str, str]) -> None:
    done = psql({**environment(settings), **passwords, "PGDATABASE": "postgres"})
    assert (done.returncode, done.stderr) == (0, "")


def enter(
    settings: Settings, role: str, password: str, database: str
) -> psycopg2.extensions.cursor:
    return psycopg2.connect(
        host="127.0.0.1", port=settings.tcp_port, user=role, password=password, dbname=database
    ).cursor()


def test_each_tool_has_a_database_of_its_own(own_server):
    make_databases(own_server, FIRST)
    for role in ("airflow", "metabase"):
        password = FIRST[f"{role.upper()}_DB_PASSWORD"]
        cursor = enter(own_server, role, password, role)
        cursor.execute("create table kept (id int)")
        cursor.connection.commit()
        other = {"airflow": "metabase", "metabase": "airflow"}[role]
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            enter(own_server, role, password, other)

    make_databases(own_server, SECOND)
    for role in ("airflow", "metabase"):
        cursor = enter(own_server, role, SECOND[f"{role.upper()}_DB_PASSWORD"], role)
        cursor.execute("select count(*) from kept")
        assert cursor.fetchall() == [(0,)]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            enter(own_server, role, FIRST[f"{role.upper()}_DB_PASSWORD"], role)


def test_the_roles_can_do_nothing_else(own_server):
    make_databases(own_server, FIRST)
    with connect(own_server, database="postgres").cursor() as cursor:
        cursor.execute(
            "select rolname, rolcanlogin, rolsuper or rolcreaterole or rolcreatedb "
            "or rolreplication or rolbypassrls from pg_roles "
            "where rolname in ('airflow', 'metabase') order by 1"
        )
        assert cursor.fetchall() == [("airflow", True, False), ("metabase", True, False)]


def test_a_server_that_cannot_be_reached_fails():
    assert psql({**FIRST, "PGHOST": "127.0.0.1", "PGPORT": "9"}).returncode != 0


def test_a_missing_password_fails(own_server):
    done = psql({**environment(own_server), "PGDATABASE": "postgres"})
    assert done.returncode != 0
