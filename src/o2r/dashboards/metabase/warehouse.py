"""The warehouse in Metabase: the connection, what Metabase knows of its tables, queries on it."""

from __future__ import annotations

import time
from typing import Any

from o2r.dashboards.metabase.client import Metabase
from o2r.dashboards.metabase.gold import Model
from o2r.dashboards.metabase.reader import LOGIN
from o2r.errors import UserError
from o2r.settings import Settings

Json = dict[str, Any]
NAME = "O2R warehouse"
PAUSE = 1.0
"""Seconds between two questions whether it has read the tables."""


def connection(settings: Settings, schema: str) -> Json:
    """Details of the connection, without the password. Raises UserError if there is no TCP port."""
    host, port = settings.host, settings.port
    if settings.embedded:
        host, port = "127.0.0.1", settings.tcp_port
        if port is None:
            raise UserError(
                "Metabase reads the warehouse over TCP: set O2R_PGPORT, then run `o2r down` and "
                "`o2r up`"
            )
    return {
        "host": settings.metabase_postgres_host or host,
        "port": settings.metabase_postgres_port or port,
        "dbname": settings.database,
        "user": LOGIN,
        "schema-filters-type": "inclusion",
        "schema-filters-patterns": schema,
    }


def ensure_database(metabase: Metabase, settings: Settings, schema: str) -> int:
    """Id of the connection, made or corrected; a password that is no longer right is replaced.

    Raises UserError where Metabase shows another company's database: its dashboards are not ours.
    """
    wanted = connection(settings, schema)
    password = {"password": settings.metabase_reader_password.get_secret_value()}
    known = [one for one in metabase.get("database")["data"] if one["name"] == NAME]
    if not known:
        body = {
            "name": NAME,
            "engine": "postgres",
            "details": {"ssl": False, **wanted, **password},
            "is_full_sync": True,
            "auto_run_queries": True,
        }
        return _connect(metabase, "create", "POST", "database", body)["id"]
    database = known[0]
    if database["engine"] != "postgres":
        raise UserError(f"Metabase has a database {NAME} that is not PostgreSQL: rename it")
    details = database.get("details") or {}
    if (shown := details.get("dbname", settings.database)) != settings.database:
        raise UserError(
            f"this Metabase shows database {shown}, not {settings.database}: give each company a "
            f"Metabase of its own, or remove {NAME} from its admin pages if {shown} is gone"
        )
    right = all(details.get(key) == value for key, value in wanted.items())
    if not right or (not metabase.dry_run and "error" in ask(metabase, database["id"], "select 1")):
        body = {"name": NAME, "engine": "postgres", "details": {**details, **wanted, **password}}
        _connect(metabase, "update", "PUT", f"database/{database['id']}", body)
    return database["id"]


def _connect(metabase: Metabase, verb: str, method: str, path: str, body: Json) -> Json:
    """Write a connection, which Metabase tries first."""
    try:
        return metabase.write(f"{verb} database {NAME}", method, path, body)
    except UserError as error:
        raise UserError(
            f"{error}; Metabase looks for the warehouse at {body['details']['host']}, port "
            f"{body['details']['port']}: METABASE_POSTGRES_HOST and METABASE_POSTGRES_PORT change "
            "that"
        ) from None


def ask(metabase: Metabase, database: int, sql: str) -> Json:
    """Run plain SQL: `data`, or `error`."""
    stage = {"lib/type": "mbql.stage/native", "native": sql}
    return metabase.query(
        "dataset", {"lib/type": "mbql/query", "database": database, "stages": [stage]}
    )


def wait_for_tables(
    metabase: Metabase, database: int, gold: dict[str, Model], wait: float
) -> dict[tuple[str, str], Json]:
    """Fields by (table, column), once Metabase has read all tables of gold; starts that if need be.

    Raises UserError that names a table or column which did not show up in `wait` seconds.
    """
    deadline = time.monotonic() + wait
    asked = False
    while True:
        status = metabase.get(f"database/{database}").get("initial_sync_status")
        fields = _fields(metabase, database) if status == "complete" else {}
        wanted = ((model.table, name) for model in gold.values() for name in model.columns)
        missing = next((key for key in wanted if key not in fields), None)
        if missing is None or metabase.dry_run:
            return fields
        if status == "complete" and not asked:
            metabase.act(f"database/{database}/sync_schema")
            asked = True
        if time.monotonic() >= deadline:
            raise UserError(
                f"Metabase has not read all of gold in {wait:g} seconds "
                f"({'.'.join(missing)} is missing, first sync {status}): give it more time with "
                "--wait, or look at the database in its admin pages"
            )
        time.sleep(PAUSE)


def _fields(metabase: Metabase, database: int) -> dict[tuple[str, str], Json]:
    metadata = metabase.get(f"database/{database}/metadata", include_hidden="true")
    return {
        (table["name"], one["name"]): one | {"table": table}
        for table in metadata["tables"]
        for one in table["fields"]
    }


def describe(
    metabase: Metabase, gold: dict[str, Model], fields: dict[tuple[str, str], Json]
) -> None:
    """Give tables and columns dbt's descriptions and semantic types.

    Where dbt says nothing, what Metabase has stays. Columns that are referred to come first, as
    Metabase expects the target of a foreign key to be a primary key.
    """
    before = len(metabase.changes)
    for model in gold.values():
        table = next((one["table"] for key, one in fields.items() if key[0] == model.table), None)
        if table and model.description and table.get("description") != model.description:
            what = f"describe table {model.table}"
            body = {"description": model.description}
            metabase.write(what, "PUT", f"table/{table['id']}", body, quiet=True)
    columns = [(model, name) for model in gold.values() for name in model.columns]
    for model, name in sorted(columns, key=lambda one: one[0].columns[one[1]].target is not None):
        known = fields.get((model.table, name))
        if known is None:
            continue
        column = model.columns[name]
        wanted: Json = {}
        if column.description:
            wanted["description"] = column.description
        if column.semantic_type:
            wanted["semantic_type"] = column.semantic_type
        if column.target:
            wanted["fk_target_field_id"] = _id_of(column.target, gold, fields)
        if any(known.get(key) != value for key, value in wanted.items()):
            what = f"describe {model.table}.{name}"
            metabase.write(what, "PUT", f"field/{known['id']}", wanted, quiet=True)
    if count := len(metabase.changes) - before:
        metabase.say(f"describe {count} tables and columns")


def _id_of(
    target: tuple[str, str], gold: dict[str, Model], fields: dict[tuple[str, str], Json]
) -> int | None:
    """Id of the field that a foreign key refers to; none where its table is not built."""
    model = gold.get(target[0])
    return fields.get((model.table, target[1]), {}).get("id") if model else None
