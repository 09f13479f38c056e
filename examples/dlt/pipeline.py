"""Zendesk through dlt: rows land in a schema of their own, and `o2r load` takes them from there.

    python pipeline.py API EXPORTS

API is a folder that stands for Zendesk's API: what it gave since the last run, one file of JSON per
list. EXPORTS gets one file per list, for `o2r load EXPORTS --from zendesk`. docs/elt.md says why.
The warehouse is the one of `o2r status`.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
from dlt.extract import DltResource
from dlt.pipeline.exceptions import PipelineStepFailed
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from o2r.settings import Settings, load_settings
from o2r.warehouse import connect
from o2r.warehouse.connection import connection_parameters

SCHEMA = "landing_zendesk"


@dataclass(frozen=True)
class Stream:
    """A list of the API.

    columns: types of those that may be blank in every row at first. dlt makes no column of blanks,
        and a mapping would miss it.
    deleted: SQL, true for a row that says that it is no more.
    """

    columns: dict[str, str] = field(default_factory=dict)
    deleted: str = "false"


STREAMS = {
    "tickets": Stream({"organization_id": "bigint", "priority": "text"}, "status = 'deleted'"),
    "ticket_metrics": Stream({"solved_at": "timestamp"}),
    "satisfaction_ratings": Stream(),
}


def fetch(file: Path, key: str) -> Iterator[dict[str, Any]]:
    """Rows of a list, from its pages or one per line. A client of the API stands here instead."""
    text = file.read_text(encoding="utf-8").lstrip()
    while text:
        page, end = json.JSONDecoder().raw_decode(text)
        yield from page.get(key, [page])
        text = text[end:].lstrip()


def resource(name: str, file: Path) -> DltResource:
    """A list as dlt lands it: appended as it comes, JSON left whole, new columns welcome.

    A column that comes with another type fails the run. dlt would else put the values into a column
    of another name, where nobody looks for them.
    """
    return dlt.resource(
        fetch(file, name),
        name=name,
        write_disposition="append",
        max_table_nesting=0,
        columns={name: {"data_type": kind} for name, kind in STREAMS[name].columns.items()},
        schema_contract={"tables": "evolve", "columns": "evolve", "data_type": "freeze"},
    )


def open_pipeline(settings: Settings) -> dlt.Pipeline:
    """The pipeline into SCHEMA of the warehouse; what it remembers is in the folder of O2R."""
    dlt.config["runtime.dlthub_telemetry"] = False
    found = connection_parameters(settings)
    is_socket = found["host"].startswith("/")
    credentials = {
        "host": "localhost" if is_socket else found["host"],
        "query": {"host": found["host"]} if is_socket else {},
        "port": found["port"],
        "username": found["user"],
        "password": found["password"] or "",
        "database": found["dbname"],
    }
    return dlt.pipeline(
        "zendesk",
        destination=dlt.destinations.postgres(credentials),
        dataset_name=SCHEMA,
        pipelines_dir=str(settings.home / "dlt" / found["dbname"]),
    )


def land(api: Path, pipeline: dlt.Pipeline) -> None:
    """Append what the API gave to the tables of SCHEMA, all of it or nothing.

    Raises PipelineStepFailed; what dlt remembers is then as before, and the next run asks again.
    """
    files = {name: api / f"{name}.json" for name in STREAMS}
    try:
        if pipeline.has_pending_data:  # of a run that was killed; dlt would take it for the new
            pipeline.run()
        pipeline.run([resource(name, file) for name, file in files.items() if file.exists()])
    except PipelineStepFailed:
        pipeline.abort_packages()
        raise


def hand_over(name: str, connection: Connection, folder: Path) -> tuple[int, int]:
    """Write the newest version of each row of a list, without those deleted; how many of each.

    Rows of a load that was broken off are not in _dlt_loads as complete, and stay behind.
    """
    statement = sql.SQL(
        "with newest as (select distinct on (id) landed.* from {table} as landed "
        "inner join {loads} as loads on loads.load_id = landed._dlt_load_id and loads.status = 0 "
        "order by id, updated_at desc, loads.inserted_at desc) "
        "select to_jsonb(newest)::text, coalesce({deleted}, false) from newest order by id"
    ).format(
        table=sql.Identifier(SCHEMA, name),
        loads=sql.Identifier(SCHEMA, "_dlt_loads"),
        deleted=sql.SQL(STREAMS[name].deleted),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall()
    kept = [text for text, is_deleted in rows if not is_deleted]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    return len(kept), len(rows) - len(kept)


def main(api: Path, exports: Path) -> None:
    """Land, then write the files; one line for each."""
    settings = load_settings()
    try:
        land(api, open_pipeline(settings))
    except PipelineStepFailed as error:
        sys.exit(f"error: nothing landed and nothing handed over: {error.exception}")
    connection = connect(settings, read_only=True)
    for name in STREAMS:
        kept, deleted = hand_over(name, connection, exports / "zendesk")
        print(f"{name}: {kept} rows, {deleted} more deleted at the source")
    connection.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
