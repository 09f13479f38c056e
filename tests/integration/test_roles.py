"""Each role can do what its name says, and nothing else: tried as the role, not read from ACLs."""

from pathlib import Path

import psycopg2
import pytest
from psycopg2 import errors

from o2r.bronze.loader import load
from o2r.contracts import load_contracts
from o2r.warehouse import connect, setup

CONTRACTS = load_contracts(Path(__file__).parents[2] / "dbt")
ROLES = (
    "data_engineer",
    "analytics_engineer",
    "data_scientist",
    "business_user",
    "partner_dw_engineer",
    "metabase_reader",
)
SILVER = ("seeds", "staging_silver", "intermediate_silver", "staging_silver_ds")
BUILT = (*SILVER, "mart_gold", "snapshots", "test_failures")
READS = {
    "data_engineer": {"raw_bronze", "ops", *BUILT},
    "analytics_engineer": {"raw_bronze", "ops", *BUILT},
    "data_scientist": {*SILVER, "mart_gold"},
    "business_user": {"mart_gold"},
    "partner_dw_engineer": {"raw_bronze", "mart_gold"},
    "metabase_reader": {"mart_gold"},
}
WRITES = {"data_engineer": {"raw_bronze", "ops"}, "analytics_engineer": set(BUILT)}
CREATES = {"analytics_engineer": set(BUILT)}
TABLES = {"raw_bronze": "quota_default_rate_limits", "ops": "synthetic_truth"} | dict.fromkeys(
    BUILT, "later"
)
PARTNER = {
    table
    for table, contract in CONTRACTS.items()
    if contract.source in ("capacity", "quota") or table.startswith("config_")
}
PERSONAL = [
    (table, column.name)
    for table, contract in CONTRACTS.items()
    for column in contract.columns
    if column.pii
]


@pytest.fixture(scope="module")
def database(server, query):
    """A database with, in each schema that dbt fills, a table made before the last setup and one
    made after it.
    """
    settings = server.model_copy(update={"database": "roles"})
    setup(settings)
    for schema in BUILT:
        query(settings, f"create table {schema}.sooner as select 1 as x")
    query(settings, "create table raw_bronze.of_no_contract as select 1 as x")
    setup(settings)
    for schema in BUILT:
        query(settings, f"create table {schema}.later as select 1 as x")
    return settings


@pytest.fixture
def as_role(database):
    """Try a statement as a role in a transaction that is undone; True when it is allowed."""
    connection = connect(database)

    def attempt(role: str, statement: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"set role {role}")
            try:
                cursor.execute(statement)
            except errors.InsufficientPrivilege:
                return False
            finally:
                connection.rollback()
        return True

    yield attempt
    connection.close()


def matrix(allowed: dict[str, set[str]]) -> list:
    return [(role, schema, schema in allowed.get(role, ())) for role in ROLES for schema in TABLES]


@pytest.mark.parametrize(("role", "schema", "allowed"), matrix(READS))
def test_reads(as_role, role, schema, allowed):
    assert as_role(role, f"select * from {schema}.{TABLES[schema]}") is allowed
    if schema in BUILT:
        assert as_role(role, f"select * from {schema}.sooner") is allowed


@pytest.mark.parametrize(("role", "schema", "allowed"), matrix(WRITES))
def test_writes(as_role, role, schema, allowed):
    table = f"{schema}.{TABLES[schema]}"
    assert as_role(role, f"delete from {table}") is allowed
    assert as_role(role, f"insert into {table} select * from {table}") is allowed
    column = {"raw_bronze": "batch_id", "ops": "lag_weeks"}.get(schema, "x")
    assert as_role(role, f"update {table} set {column} = 1") is allowed


@pytest.mark.parametrize(("role", "schema", "allowed"), matrix(CREATES))
def test_creates(as_role, role, schema, allowed):
    assert as_role(role, f"create table {schema}.mine (x int)") is allowed


@pytest.mark.parametrize("role", ROLES)
def test_nobody_creates_in_public_and_only_builders_make_schemas(as_role, role):
    assert not as_role(role, "create table public.mine (x int)")
    assert as_role(role, "create schema dbt_mine") is (role == "analytics_engineer")


@pytest.mark.parametrize("role", ROLES)
def test_temporary_tables(as_role, role):
    allowed = role in ("data_engineer", "analytics_engineer")
    assert as_role(role, "create temp table mine (x int)") is allowed


@pytest.mark.parametrize("table", CONTRACTS)
@pytest.mark.parametrize("role", ROLES)
def test_bronze_table_by_table(as_role, role, table):
    plain = [column.name for column in CONTRACTS[table].columns if not column.pii]
    names = ", ".join((*plain, "loaded_at", "batch_id", "source_file"))
    allowed = role in ("data_engineer", "analytics_engineer") or (
        role == "partner_dw_engineer" and table in PARTNER
    )
    assert as_role(role, f"select {names} from raw_bronze.{table}") is allowed


@pytest.mark.parametrize("role", ROLES)
def test_what_no_contract_describes_may_be_personal(as_role, role):
    assert as_role(role, "select x from raw_bronze.of_no_contract") is (role == "data_engineer")


def test_personal_columns_are_known():
    assert {
        ("customer_details", "email"),
        ("customer_details", "owner"),
        ("customer_success_activities", "owner"),
        ("quota_customer_rate_limit_adjustments", "approver"),
    } <= set(PERSONAL)


@pytest.mark.parametrize(("table", "column"), PERSONAL)
@pytest.mark.parametrize("role", ROLES)
def test_personal_data(as_role, role, table, column):
    allowed = role == "data_engineer"
    assert as_role(role, f"select {column} from raw_bronze.{table}") is allowed
    assert as_role(role, f"select * from raw_bronze.{table}") is allowed


@pytest.mark.parametrize("role", ROLES)
def test_quarantine(as_role, role):
    counts = role in ("data_engineer", "analytics_engineer")
    assert as_role(role, "select reason from ops.quarantined_rows") is counts
    text = role == "data_engineer"
    assert as_role(role, "select original from ops.quarantined_rows") is text


@pytest.mark.parametrize("role", ROLES)
def test_settings_of_the_company_are_stated_and_never_altered(as_role, role):
    reads = role in ("data_engineer", "analytics_engineer")
    assert as_role(role, "select value from ops.settings_in_force") is reads
    state = "insert into ops.company_settings (name, value) values ('time_zone', '\"UTC\"')"
    assert as_role(role, state) is (role == "data_engineer")
    assert as_role(role, "update ops.company_settings set name = 'x'") is False
    assert as_role(role, "delete from ops.company_settings") is False


@pytest.mark.parametrize("role", ROLES)
def test_functions(as_role, role, query, database):
    call = "select ops.ensure_month_partition('raw_bronze.web_events', '2026-01-01')"
    assert as_role(role, call) is (role == "data_engineer")
    query(database, "create or replace function ops.later() returns int return 1")
    setup(database)
    assert as_role(role, "select ops.later()") is (role == "data_engineer")


def test_new_function_belongs_to_nobody(as_role, query, database):
    query(database, "create or replace function mart_gold.fresh() returns int return 1")
    assert not any(as_role(role, "select mart_gold.fresh()") for role in ROLES)


def test_data_engineer_loads_without_owning_the_tables(query, tmp_path, database):
    query(database, "create role loader_of_the_tests login in role data_engineer")
    named = database.model_copy(
        update={"host": connect(database).info.host, "user": "loader_of_the_tests"}
    )
    path = tmp_path / "web_events.csv"
    path.write_text("event_id,event_timestamp,event_type\na,2026-01-01,pageview\n")
    result = load(path, settings=named)[0]
    assert (result.inserted, result.quarantined) == (1, 0)


def test_no_role_may_log_in_or_rule(database, query):
    found = query(
        database,
        "select rolname from pg_roles where rolname = any(%s) and (rolcanlogin or rolsuper "
        "or rolcreaterole or rolcreatedb or rolbypassrls)",
        (list(ROLES),),
    )
    assert found == []


def test_stranger_cannot_even_connect(database, query):
    query(database, "create role stranger_of_the_tests login")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(
            host=connect(database).info.host, user="stranger_of_the_tests", dbname="roles"
        )


def test_setup_takes_back_what_was_granted_by_hand(as_role, database, query):
    statement = "select mrr from raw_bronze.subscriptions"
    query(database, "grant select on raw_bronze.subscriptions to partner_dw_engineer")
    assert as_role("partner_dw_engineer", statement)
    setup(database)
    assert not as_role("partner_dw_engineer", statement)
