"""The role with which Metabase logs in, and what gold has, on a real server."""

import socket
from collections.abc import Callable

import psycopg2
import pytest
from psycopg2 import errors
from pydantic import SecretStr

from o2r.dashboards.metabase.gold import Column, Model
from o2r.dashboards.metabase.provision import built
from o2r.dashboards.metabase.reader import LOGIN, make_reader, reader_is_there
from o2r.errors import UserError
from o2r.settings import Settings, load_settings
from o2r.warehouse import connect, embedded, setup

PASSWORD = "it's \\a\\ $secret;--"


@pytest.fixture(scope="module")
def server_with_port(new_home: Callable[[str], object]) -> Settings:
    """A server of this module alone, as roles belong to a server; TCP asks for passwords."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = load_settings(home=new_home("metabase"), tcp_port=port)
    embedded.up(settings)
    setup(settings)
    return with_password(settings, PASSWORD)


def with_password(settings: Settings, password: str) -> Settings:
    return settings.model_copy(update={"metabase_reader_password": SecretStr(password)})


def run(settings: Settings, statement: str) -> None:
    connection = connect(settings, autocommit=True)
    connection.cursor().execute(statement)
    connection.close()


def test_the_reader_reads_gold_and_nothing_else(server_with_port):
    run(
        server_with_port,
        "create table mart_gold.seen (id int); insert into mart_gold.seen values (1)",
    )
    assert not reader_is_there(server_with_port)
    make_reader(server_with_port)
    assert reader_is_there(server_with_port)
    connection = psycopg2.connect(
        host="127.0.0.1", port=server_with_port.tcp_port, user=LOGIN, password=PASSWORD,
        dbname=server_with_port.database,
    )  # fmt: skip
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("select id from mart_gold.seen")
    assert cursor.fetchall() == [(1,)]
    for statement, refusal in {
        "insert into mart_gold.seen values (2)": errors.ReadOnlySqlTransaction,
        "select count(*) from raw_bronze.support_tickets": errors.InsufficientPrivilege,
        "select count(*) from ops.load_batches": errors.InsufficientPrivilege,
    }.items():
        with pytest.raises(refusal):
            cursor.execute(statement)
    cursor.execute("set default_transaction_read_only = off")
    with pytest.raises(errors.InsufficientPrivilege):
        cursor.execute("insert into mart_gold.seen values (2)")
    connection.close()


def test_a_new_password_replaces_the_old_one(server_with_port):
    make_reader(server_with_port)
    other = with_password(server_with_port, "another")
    assert not reader_is_there(other)
    make_reader(other)
    assert reader_is_there(other)
    assert not reader_is_there(server_with_port)


def test_a_role_that_is_no_reader_of_gold_is_made_one(server_with_port):
    make_reader(server_with_port)
    run(server_with_port, f"revoke metabase_reader from {LOGIN}")
    assert not reader_is_there(server_with_port)
    make_reader(server_with_port)
    assert reader_is_there(server_with_port)


def test_one_who_may_not_make_roles_is_told_what_to_ask_for(server_with_port, monkeypatch):
    run(server_with_port, f"drop owned by {LOGIN}; drop role {LOGIN}")
    monkeypatch.setattr(
        "o2r.dashboards.metabase.reader.connect", lambda settings: as_weak_role(settings)
    )
    with pytest.raises(UserError, match="cannot make the role o2r_metabase") as error:
        make_reader(server_with_port)
    assert "create role o2r_metabase login in role metabase_reader" in str(error.value)
    assert "SCRAM" not in str(error.value)
    assert PASSWORD not in str(error.value)


def as_weak_role(settings: Settings):
    connection = connect(settings)
    connection.cursor().execute("set role data_scientist")
    return connection


def test_gold_is_what_is_built(server_with_port):
    run(server_with_port, "create table if not exists mart_gold.half (a int, b int)")
    columns = {"a": Column("A"), "c": Column("C")}
    gold = {
        name: Model("mart_gold", name, "", dict(columns)) for name in ("half", "not_built_at_all")
    }
    assert built(server_with_port, gold) == {
        "half": Model("mart_gold", "half", "", {"a": Column("A")})
    }
