"""Every relation that dbt builds is read by the roles meant to read it, in every target."""

from collections.abc import Callable, Iterator

import pytest
from psycopg2 import errors
from tests.metrics.warehouse import dev_gold, frame

from o2r.settings import Settings
from o2r.warehouse import connect

ROLES = (
    *("data_engineer", "analytics_engineer", "data_scientist"),
    *("business_user", "partner_dw_engineer", "metabase_reader"),
)
FOLDERS = {
    "seeds": "seeds",
    "staging_silver": "models/staging",
    "intermediate_silver": "models/intermediate",
    "mart_gold": "models/marts",
}
SCHEMAS = tuple(FOLDERS)
TARGETS = {"prod": "", "dev": "dbt_dev_"}
SEES_SILVER = {"data_engineer", "analytics_engineer", "data_scientist"}
SEES_OPS = {"data_engineer", "analytics_engineer"}

RELATIONS = """
select c.oid::regclass::text, n.nspname, c.relkind
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any(%s) and c.relkind in ('r', 'v', 'm', 'p')
order by 1
"""


@pytest.fixture(scope="module")
def gold(new_database: Callable[[], Settings]) -> Settings:
    return dev_gold(new_database)


@pytest.fixture
def as_role(gold: Settings) -> Iterator[Callable[[str, str], bool]]:
    """Try a statement as a role, undone afterwards; True when it is allowed."""
    connection = connect(gold)

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


def relations(settings: Settings, *schemas: str) -> list[str]:
    return frame(settings, RELATIONS, [list(schemas)]).iloc[:, 0].tolist()


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("target", TARGETS)
def test_reads(
    gold: Settings, as_role: Callable[[str, str], bool], target: str, schema: str
) -> None:
    names = relations(gold, TARGETS[target] + schema)
    files = sorted((gold.dbt_dir / FOLDERS[schema]).rglob("*"))
    expected = {
        file.stem
        for file in files
        if file.suffix in (".sql", ".csv") and "materialized='ephemeral'" not in file.read_text()
    }
    if schema == "intermediate_silver":
        expected |= {"int_change_log", "int_model_logic"}  # made by dbt/macros/incremental
    assert expected == {name.rpartition(".")[2] for name in names}
    for role in ROLES:
        allowed = schema == "mart_gold" or role in SEES_SILVER
        wrong = [
            name for name in names if as_role(role, f"select * from {name} limit 0") is not allowed
        ]
        assert wrong == [], f"{role} may{' not' if allowed else ''} read {wrong}"


@pytest.mark.parametrize("target", TARGETS)
def test_only_the_builder_of_prod_writes(
    gold: Settings, as_role: Callable[[str, str], bool], target: str
) -> None:
    schema = TARGETS[target] + "mart_gold"
    statements = (
        f"delete from {schema}.metric_values",
        f"update {schema}.metric_values set value = 0",
        f"insert into {schema}.metric_values select * from {schema}.metric_values",
        f"create table {schema}.mine (x int)",
    )
    for role in ROLES:
        allowed = target == "prod" and role == "analytics_engineer"
        assert [as_role(role, text) for text in statements] == [allowed] * 4, role
        assert not as_role(role, f"drop table {schema}.metric_values")


@pytest.mark.parametrize("role", ROLES)
def test_ops(gold: Settings, as_role: Callable[[str, str], bool], role: str) -> None:
    assert as_role(role, "select * from ops.load_batches") is (role in SEES_OPS)
    assert as_role(role, "select * from ops.synthetic_truth") is (role in SEES_OPS)


def test_the_hidden_text_is_there_to_be_found(gold: Settings) -> None:
    counts = frame(
        gold,
        "select (select count(*) from raw_bronze.customer_details where email like '%@%'), "
        "(select count(*) from raw_bronze.csat_responses where contact is not null), "
        "(select count(*) from raw_bronze.crm_contacts where email like '%@%'), "
        "(select count(*) from raw_bronze.crm_contacts where phone is not null)",
    ).iloc[0]
    forms = "select count(*) from raw_bronze.web_events where page_url like '%@%'"
    assert frame(gold, forms).iloc[0, 0] > 0
    assert (counts > 50).all()


@pytest.mark.parametrize("target", TARGETS)
def test_no_address_outside_bronze(gold: Settings, target: str) -> None:
    """Not in any cell of any relation: neither an at sign nor a value of a personal column."""
    names = relations(gold, *(TARGETS[target] + schema for schema in (*SCHEMAS, "snapshots")))
    assert len(names) > len(SCHEMAS)
    # What others than data_engineer read of the rows kept out.
    names.append("(select reason, column_name, table_name from ops.quarantined_rows)")
    found = [
        name
        for name in names
        if frame(gold, f"select exists (select from {name} as t where t::text like '%@%')").iloc[
            0, 0
        ]
    ]
    assert found == []


KNOWN_PHONES = """
select distinct regexp_replace(phone, '[^0-9]', '', 'g') as digits from raw_bronze.crm_contacts
where length(regexp_replace(phone, '[^0-9]', '', 'g')) >= 7
"""
TEXT_COLUMNS = """
select quote_ident(attname) from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped
    and atttypid in ('text'::regtype, 'varchar'::regtype)
"""
# Runs of digits as people write phone numbers; the digits of hashes and ids are glued to letters.
WRITTEN_PHONES = """
select exists (
    select from (select distinct concat_ws(E'\\n', {columns}) as words from {table}) as t,
        regexp_matches(words, '(?<![0-9A-Za-z_-])[+(]?[0-9][-0-9 ()./]{{5,}}[0-9]', 'g') as run
    where words ~ '[0-9][-0-9 ()./]{{5,}}[0-9]'
        and regexp_replace(run[1], '[^0-9]', '', 'g') in (select digits from known_phones)
)
"""


def phones_in(settings: Settings, tables: list[str]) -> list[str]:
    """Tables with a phone number of bronze in a cell, however it is written."""
    connection = connect(settings)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"create temp table known_phones as {KNOWN_PHONES}")
        cursor.execute("select count(*) from known_phones")
        assert cursor.fetchone()[0] > 50
        found = []
        for table in tables:
            cursor.execute(TEXT_COLUMNS, [table])
            columns = ", ".join(name for (name,) in cursor.fetchall())
            if columns:
                cursor.execute(WRITTEN_PHONES.format(table=table, columns=columns))
                found += [table] if cursor.fetchone()[0] else []
    connection.close()
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_no_phone_number_outside_bronze(gold: Settings, target: str) -> None:
    names = relations(gold, *(TARGETS[target] + schema for schema in (*SCHEMAS, "snapshots")))
    assert phones_in(gold, names) == []
    assert phones_in(gold, ["raw_bronze.crm_contacts"]) != []


@pytest.mark.parametrize("target", TARGETS)
def test_no_personal_column_outside_bronze(gold: Settings, target: str) -> None:
    columns = frame(
        gold,
        "select table_schema || '.' || table_name as name, column_name "
        "from information_schema.columns where table_schema = any(%s) "
        "and column_name ~* '(e_?mail|phone|contact|first_name|last_name)'",
        [[TARGETS[target] + schema for schema in SCHEMAS]],
    )
    # the CRM's own key of a person, and counts and rates, which the lint holds to be numbers, may
    # be read by all; hashes stay in silver
    names = columns["column_name"]
    columns = columns[(names != "crm_contact_id") & ~names.str.endswith(("_count", "_pct"))]
    left = columns[~columns["column_name"].isin(["email_sha256", "hphone", "hphone_meta"])]
    assert left.empty, left
    assert not columns["name"].str.contains("mart_gold").any()
    assert len(columns) > 0


def test_the_hash_is_that_of_the_normalised_address(gold: Settings) -> None:
    wrong = frame(
        gold,
        "select count(*), count(*) filter (where silver.email_sha256 is distinct from "
        "encode(sha256(convert_to(lower(trim(bronze.email)), 'UTF8')), 'hex')) "
        "from staging_silver.stg_account_changes as silver "
        "join raw_bronze.customer_details as bronze on bronze.account_id = silver.account_id "
        "and bronze.date_updated = silver.changed_at at time zone 'UTC'",
    ).iloc[0]
    assert wrong.iloc[0] > 60
    assert wrong.iloc[1] == 0
