"""A column that another file holds: that file is staged beside the one that is loaded."""

from collections.abc import Collection

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.bronze.conversions import json_path
from o2r.bronze.files import DataFile, fits, staged_name
from o2r.bronze.mapping import FileMapping, Lookup
from o2r.bronze.staging import stage
from o2r.bronze.survey import Survey
from o2r.errors import UserError

Partners = dict[str, list[tuple[DataFile, Survey]]]
"""Files that each lookup reads, and what was seen of them."""


def partners(
    file: DataFile, entry: FileMapping, looks: Collection[tuple[DataFile, Survey]]
) -> Partners:
    """Find among the files of a folder those that the lookups of a file read.

    Raises UserError for a lookup without a file, or a column that none of its files has.
    """
    found: Partners = {}
    for name, lookup in entry.lookups.items():
        mine = [(one, look) for one, look in looks if fits(one, lookup.file)]
        near = [found for found in mine if found[0].path.parent == file.path.parent]
        mine = near or mine
        if lookup.missing == "blank":
            mine = [(one, look) for one, look in mine if not _lacking(lookup, look)]
        if not mine and lookup.missing == "refuse":
            raise UserError(
                f"{file.name}: the mapping looks {name} up in {lookup.file}, which is not there: "
                "load both from one folder"
            )
        for other, look in mine:
            for column in _lacking(lookup, look):
                raise UserError(
                    f"{file.name}: the mapping looks {name} up by '{column}' of {other.name}, "
                    f"which has no such column: it has {', '.join(look.names[:20])}"
                )
        found[name] = mine
    return found


def _lacking(lookup: Lookup, look: Survey) -> list[str]:
    """Columns that a lookup needs and a file has not."""
    return [
        column
        for column in (lookup.matches, lookup.column)
        if column not in look.names and column.split(".")[0] not in look.names
    ]


def stage_lookups(cursor: Cursor, entry: FileMapping, found: Partners) -> None:
    """Make of each lookup a temporary table of its keys and values; before the file is staged."""
    looks = {other.path: (other, look) for mine in found.values() for other, look in mine}
    for number in range(len(entry.lookups)):
        cursor.execute(
            f"create temp table lookup_{number} (_its_key text, _its_value text, _its_file text) "
            "on commit drop"
        )
    for other, look in looks.values():
        stage(cursor, other, look, lambda _done: None)
        for number, (name, lookup) in enumerate(entry.lookups.items()):
            if other.path not in [one.path for one, _ in found[name]]:
                continue
            cursor.execute(
                sql.SQL(
                    "insert into {} select btrim({}), {}, {} from incoming "
                    "where _problem is null and ({})"
                ).format(
                    sql.Identifier(f"lookup_{number}"),
                    _read(lookup.matches, look),
                    _read(lookup.column, look),
                    sql.Literal(other.name),
                    sql.SQL(lookup.where or "true"),
                )
            )
        cursor.execute("drop table incoming")


def join_lookup(
    cursor: Cursor, file: str, name: str, number: int, lookup: Lookup, key: sql.Composable
) -> None:
    """Add to `incoming` the column that a lookup finds.

    Raises UserError where the other file has several answers to one key.
    """
    table = sql.Identifier(f"lookup_{number}")
    pick = sql.SQL("min" if lookup.pick == "first" else "max")
    parts = {"table": table, "key": key, "name": sql.Identifier(name), "pick": pick}
    if not lookup.pick:
        cursor.execute(
            sql.SQL(
                "select count(*), min(_its_key), min(_its_file) from ("
                "select _its_key, min(_its_file) as _its_file from {table} where _its_key <> '' "
                "and _its_key in (select btrim({key}) from incoming where _problem is null) "
                "group by _its_key having count(distinct coalesce(_its_value, '')) > 1) as doubled"
            ).format(**parts)
        )
        several, example, other = cursor.fetchone()
        if several:
            raise UserError(
                f"{file}: nothing loaded: {other} has more than one '{lookup.column}' for "
                f"{several} value{'s' * (several > 1)} of '{lookup.matches}', such as '{example}': "
                f"which one is {name}?"
            )
    cursor.execute(sql.SQL("alter table incoming add column {name} text").format(**parts))
    cursor.execute(
        sql.SQL(
            "update incoming set {name} = _its_found from ("
            "select _its_key, {pick}(_its_value) as _its_found from {table} group by _its_key) "
            "as found where _problem is null and btrim({key}) = _its_key"
        ).format(**parts)
    )


def is_missing(number: int, key: str) -> str:
    """SQL that is true for a row of `incoming` whose key the other file does not have."""
    table = f"lookup_{number}"
    return (
        f"btrim({key}) <> '' and btrim({key}) not in (select coalesce(_its_key, '') from {table})"
    )


def _read(column: str, look: Survey) -> sql.Composable:
    if column in look.names:
        return sql.Identifier(staged_name(column))
    head, *path = column.split(".")
    return json_path(sql.Identifier(staged_name(head)), path)
