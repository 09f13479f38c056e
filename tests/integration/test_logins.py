"""What the roles that machines log in as can do: tried as the role, over the socket."""

import psycopg2
import pytest
from psycopg2 import errors
from pydantic import SecretStr

from o2r.bronze.loader import load
from o2r.demo.datasets import load_dataset
from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect, connection_parameters, setup

LOGINS = ("o2r_loader", "o2r_builder", "o2r_ci")
ALLOWED = {
    "select from raw_bronze.crm_contacts": LOGINS,
    "insert into raw_bronze.support_tickets select * from raw_bronze.support_tickets limit 0": (
        "o2r_loader",
    ),
    "delete from raw_bronze.support_tickets": ("o2r_loader",),
    "update raw_bronze.support_tickets set status = 'open'": (),
    "truncate raw_bronze.support_tickets": (),
    "drop table raw_bronze.support_tickets": (),
    "update ops.load_batches set dataset = dataset": ("o2r_loader", "o2r_builder"),
    "insert into ops.builds (target, outcome, fingerprint) values ('dev', 'running', '')": (
        "o2r_builder",
    ),
    "select from mart_gold.made": ("o2r_builder", "o2r_ci"),
    "delete from mart_gold.made": ("o2r_builder",),
    "drop table mart_gold.made": ("o2r_builder",),
    "select from seeds.made": ("o2r_builder", "o2r_ci"),
    "create table seeds.other (a int)": ("o2r_builder",),
    "create schema dbt_ci_other": ("o2r_builder", "o2r_ci"),
    "create temp table other (a int)": LOGINS,
    "create table public.other (a int)": (),
    "select pg_read_file('/etc/passwd')": (),
    "copy raw_bronze.support_tickets to program 'true'": (),
    "set role postgres": (),
    "select set_config('role', 'o2r_builder', false)": ("o2r_builder",),
}


@pytest.fixture(scope="module")
def database(server: Settings, query) -> Settings:
    """A database set up twice, with tables of silver and gold made by the superuser between."""
    settings = server.model_copy(update={"database": "logins"})
    setup(settings)
    for schema in ("seeds", "mart_gold"):
        query(settings, f"create table {schema}.made as select 1 as a")
    setup(settings)
    return settings


def enter(settings: Settings, role: str) -> psycopg2.extensions.connection:
    return psycopg2.connect(**connection_parameters(settings) | {"user": role})


@pytest.mark.parametrize("role", LOGINS)
def test_rights(database: Settings, role: str) -> None:
    connection = enter(database, role)
    for statement, allowed in ALLOWED.items():
        with connection.cursor() as cursor:
            try:
                cursor.execute(statement)
                done = True
            except errors.InsufficientPrivilege:
                done = False
        connection.rollback()
        assert done == (role in allowed), statement
    connection.close()


def test_nobody_else_may_connect(database: Settings, query) -> None:
    query(database, "drop role if exists passer_by; create role passer_by login")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        enter(database, "passer_by")
    query(database, "drop role passer_by")


def test_sql_of_a_mapping_has_the_rights_of_the_loader(
    warehouse: Settings, tmp_path, query
) -> None:
    query(warehouse, "create table mart_gold.secret as select 'gold' as words")
    (tmp_path / "tickets.csv").write_text("id,account,at\n1,a,2026-01-05\n")
    reasons = []
    for expression in (
        "(select words from mart_gold.secret)",
        "pg_read_file('/etc/hostname')",
        "set_config('role', 'postgres', true)",
    ):
        (tmp_path / "mapping.yml").write_text(
            "files: {tickets.csv: {table: support_tickets, columns: {ticket_id: id, account_id: "
            "account, created_at: at, last_updated: at}, expressions: {category: "
            f'"{expression}"}}}}}}\n'
        )
        with pytest.raises(UserError) as refused:
            load(tmp_path / "tickets.csv", tmp_path / "mapping.yml", settings=warehouse)
        reasons.append(str(refused.value))
    assert "permission denied for schema mart_gold" in reasons[0]
    assert "permission denied for function pg_read_file" in reasons[1]
    assert 'permission denied to set role "postgres"' in reasons[2]
    assert query(warehouse, "select count(*) from raw_bronze.support_tickets") == [(0,)]


def test_the_loader_makes_partitions_and_statistics(warehouse: Settings, query) -> None:
    load_dataset("chapter12", warehouse)
    table = "raw_bronze.inference_user_token_usage_proprietary"
    parts = query(
        warehouse,
        "select c.relname, c.reltuples > 0 from pg_inherits join pg_class c on c.oid = inhrelid "
        f"where inhparent = '{table}'::regclass and relname ~ 'y2026m01'",
    )
    assert parts == [("inference_user_token_usage_proprietary_y2026m01", True)]


def test_without_its_password_the_user_takes_on_the_role(warehouse: Settings) -> None:
    parameters = connection_parameters(warehouse)
    own = warehouse.model_copy(
        update={"host": parameters["host"], "port": parameters["port"], "user": "postgres"}
    )
    connection = connect(own, as_loader=True)
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone() == ("o2r_loader",)
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute("select from mart_gold.anything")
    connection.close()


def test_setup_gives_passwords_hashed(server: Settings, query) -> None:
    settings = server.model_copy(
        update={"database": "logins", "loader_password": SecretStr("open sesame")}
    )
    setup(settings)
    [(stored,)] = query(settings, "select rolpassword from pg_authid where rolname = 'o2r_loader'")
    assert stored.startswith("SCRAM-SHA-256$")
