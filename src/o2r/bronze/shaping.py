"""What a mapping does to the staged rows before they are read: leave out, spread over days, check.

All of it works on the temporary table `incoming` of o2r.bronze.staging.
"""

from collections.abc import Mapping, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.bronze.conversions import OTHERS, date_text, folded
from o2r.bronze.files import staged_name
from o2r.bronze.mapping import EachDay, FileMapping
from o2r.errors import UserError

LONGEST_SPREAD = 3660
"""Days; a longer span is taken for a mistyped year."""


def shape(
    cursor: Cursor,
    name: str,
    names: Sequence[str],
    entry: FileMapping,
    raw: Mapping[str, sql.Composable],
) -> None:
    """Apply `where`, `values` and `each_day` of an entry to `incoming` with the columns `names`.

    raw: SQL text expression of each contract column before its conversion.
    Raises UserError naming the file and the first value that the mapping does not know.
    """
    if entry.where:
        _leave_out(cursor, entry.where)
    for column, values in entry.values.items():
        if OTHERS not in values:
            _refuse_unknown(cursor, name, column, raw[column], values)
    if entry.each_day:
        _spread(cursor, names, entry.each_day)


def _leave_out(cursor: Cursor, condition: str) -> None:
    """Delete the rows that are not wanted; where that cannot be told, the row is at fault."""
    where = sql.SQL(condition)
    cursor.execute(
        sql.SQL("delete from incoming where _problem is null and ({}) is false").format(where)
    )
    cursor.execute(
        "select quote_ident(attname) from pg_attribute where attrelid = 'incoming'::regclass "
        "and attnum > 0 order by attnum offset 2 limit 1"
    )
    cursor.execute(
        sql.SQL(
            "update incoming set _problem = 'where: neither true nor false', "
            "{} = (to_jsonb(incoming.*) - '_row' - '_problem')::text "
            "where _problem is null and ({}) is null"
        ).format(sql.SQL(cursor.fetchone()[0]), where)
    )


def _refuse_unknown(
    cursor: Cursor, name: str, column: str, value: sql.Composable, values: Mapping[str, str | None]
) -> None:
    cursor.execute(
        sql.SQL(
            "select btrim({value}), count(*), min(_row) from incoming "
            "where _problem is null and {key} <> '' and {key} <> all({known}) "
            "group by 1 order by 2 desc, 1 limit 1"
        ).format(value=value, key=folded(value), known=sql.Literal([one.lower() for one in values]))
    )
    if found := cursor.fetchone():
        unknown, count, row = found
        raise UserError(
            f"{name}: nothing loaded: the mapping of {column} has no line for '{unknown}' "
            f"({count} row{'s' * (count > 1)}, the first is row {row}): add it under values"
        )


def _spread(cursor: Cursor, names: Sequence[str], each_day: EachDay) -> None:
    """Make of every row one per day, with the columns _day, _day_number (from 1) and _days.

    A row whose days cannot be read, end before they start or are too many stays one, without them.
    """
    cursor.execute(
        sql.SQL(
            "create temp table spread on commit drop as with dated as ("
            "select *, {first} as _first, {last} as _last from incoming), "
            "counted as (select *, case when _last - _first < {longest} and _last >= _first "
            "then _last - _first + 1 end as _days from dated) "
            "select row_number() over (order by _row, _day_number) as _row, _problem, {names}, "
            "(_first + _day_number - 1)::text as _day, _day_number, _days from counted "
            "left join lateral generate_series(1, _days) as days (_day_number) on true"
        ).format(
            first=_day(each_day.first, each_day.format),
            last=_day(each_day.last, each_day.format),
            longest=sql.Literal(LONGEST_SPREAD),
            names=sql.SQL(", ").join(sql.Identifier(staged_name(name)) for name in names),
        )
    )
    cursor.execute("drop table incoming")
    cursor.execute("alter table spread rename to incoming")


def _day(column: str, form: str | None) -> sql.Composable:
    """A source column as a date; null where it is none."""
    name = sql.Identifier(staged_name(column))
    text = date_text(name, form) if form else name
    return sql.SQL(
        "case when {0} ~ '^\\d{{4}}-\\d\\d-\\d\\d([ T]00:00.*)?$' "
        "and pg_input_is_valid({0}, 'date') then ({0})::date end"
    ).format(text)
