"""What a mapping does to the staged rows before they are read: leave out, spread over days, check.

All of it works on the temporary table `incoming` of o2r.bronze.staging.
"""

from collections.abc import Mapping, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from o2r.bronze.columns import COUNT, ITEM, json_columns, source_sql
from o2r.bronze.conversions import OTHERS, date_text, folded
from o2r.bronze.files import staged_name
from o2r.bronze.lookups import is_missing, join_lookup
from o2r.bronze.mapping import EXPORTED, EachDay, FileMapping
from o2r.errors import UserError

LONGEST_SPREAD = 3660
"""Days; a longer span is taken for a mistyped year."""
MOST_EVENTS = 10_000
"""Rows that one row may stand for."""


def shape(
    cursor: Cursor,
    name: str,
    names: Sequence[str],
    entry: FileMapping,
    raw: Mapping[str, sql.Composable],
    exported: str | None = None,
) -> list[str]:
    """Do to `incoming`, with the columns `names`, all that an entry says of rows and words.

    raw:      SQL text expression of each contract column before its conversion.
    exported: the day of the export.
    The tables that lookups read stand ready, see o2r.bronze.lookups.
    Returns a line about each value that the mapping does not know, the most frequent first.
    Raises UserError naming the file and what is not as the mapping says.
    """
    lacking = [one for one in entry.optional if one not in (*names, EXPORTED)]
    there = [*names, *lacking]
    if entry.reshapes:
        for column in lacking:
            _add(cursor, column)
        _add(cursor, EXPORTED, exported)
        for column in sorted(json_columns(entry, there)):
            _refuse_other_than_json(cursor, name, column)
        for number, (column, lookup) in enumerate(entry.lookups.items()):
            key = source_sql(lookup.key, [*there, *entry.lookups])
            join_lookup(cursor, name, column, number, lookup, key)
    there += [*entry.lookups, EXPORTED]
    if entry.each_item:
        _spread_items(cursor, name, there, source_sql(entry.each_item, there))
        there += ITEM
    if entry.where:
        _leave_out(cursor, entry.where)
    for number, (column, lookup) in enumerate(entry.lookups.items()):
        if lookup.missing == "refuse":
            key = source_sql(lookup.key, there).as_string(cursor)
            reason = f"{column}: {lookup.file} has no such {lookup.matches}"
            _refuse(cursor, reason, is_missing(number, key))
    for reason, condition in entry.refuse.items():
        _refuse(cursor, reason, condition)
    if entry.each_count:
        _spread_counts(cursor, there, entry.each_count)
        there += COUNT
    unknown = []
    for column, values in entry.words.items():
        if OTHERS not in values:
            unknown += _unknown(cursor, name, column, raw[column], values, entry)
    if entry.each_day:
        _spread_days(cursor, there, entry.each_day)
    return unknown


def _add(cursor: Cursor, column: str, value: str | None = None) -> None:
    cursor.execute(
        sql.SQL("alter table incoming add column {} text default {}").format(
            sql.Identifier(staged_name(column)), sql.Literal(value)
        )
    )


def _refuse_other_than_json(cursor: Cursor, name: str, column: str) -> None:
    cursor.execute(
        sql.SQL(
            "select count(*), min(_row) from incoming "
            "where _problem is null and not pg_input_is_valid({}, 'jsonb')"
        ).format(sql.Identifier(staged_name(column)))
    )
    rows, first = cursor.fetchone()
    if rows:
        raise UserError(
            f"{name}: nothing loaded: the mapping reads a path in '{column}', which is not JSON "
            f"({rows} row{'s' * (rows > 1)}, the first is row {first}): correct the path"
        )


def _leave_out(cursor: Cursor, condition: str) -> None:
    """Delete the rows that are not wanted; where that cannot be told, the row is at fault."""
    where = sql.SQL(condition)
    cursor.execute(
        sql.SQL("delete from incoming where _problem is null and ({}) is false").format(where)
    )
    _refuse(cursor, "where: neither true nor false", f"({condition}) is null")


def _refuse(cursor: Cursor, reason: str, condition: str) -> None:
    """Keep rows out for a reason; what was delivered then stands in the first column."""
    cursor.execute(
        "select quote_ident(attname) from pg_attribute where attrelid = 'incoming'::regclass "
        "and attnum > 0 and not attisdropped order by attnum offset 2 limit 1"
    )
    cursor.execute(
        sql.SQL(
            "update incoming set _problem = {}, "
            "{} = (to_jsonb(incoming.*) - '_row' - '_problem')::text "
            "where _problem is null and ({})"
        ).format(sql.Literal(reason), sql.SQL(cursor.fetchone()[0]), sql.SQL(condition))
    )


def _unknown(
    cursor: Cursor,
    name: str,
    column: str,
    value: sql.Composable,
    values: Mapping[str, str | None],
    entry: FileMapping,
) -> list[str]:
    cursor.execute(
        sql.SQL(
            "select left(btrim({value}), 80), count(*), min(_row) from incoming "
            "where _problem is null and {key} <> '' and {key} <> all({known}) "
            "group by 1 order by 2 desc, 1"
        ).format(value=value, key=folded(value), known=sql.Literal([one.lower() for one in values]))
    )
    lines = []
    for word, count, row in cursor.fetchall():
        where = f"({count} row{'s' * (count > 1)}, the first is row {row})"
        lines.append(
            f"{name}: nothing loaded: {column} knows no country '{word}' {where}: write it as "
            "ISO 3166 does, or give it a line under values"
            if column in entry.countries
            else f"{name}: nothing loaded: the mapping of {column} has no line for '{word}' "
            f"{where}: add it under values"
        )
    return lines


def _spread_items(cursor: Cursor, name: str, names: Sequence[str], items: sql.Composable) -> None:
    """Make of every row one per element of a JSON list; of one without elements none."""
    cursor.execute(
        sql.SQL(
            "select count(*), min(_row) from incoming where _problem is null "
            "and jsonb_typeof({items}::jsonb) not in ('array', 'null')"
        ).format(items=items)
    )
    rows, first = cursor.fetchone()
    if rows:
        raise UserError(
            f"{name}: nothing loaded: each_item is no list ({rows} row{'s' * (rows > 1)}, the "
            f"first is row {first}): correct its path"
        )
    _replace(
        cursor,
        names,
        "_item, _item_number",
        sql.SQL(
            "incoming left join lateral jsonb_array_elements(case when _problem is null "
            "and jsonb_typeof({items}::jsonb) = 'array' then {items}::jsonb end) "
            "with ordinality as items (_element, _item_number) on true "
            "cross join lateral (select _element::text as _item) as texts "
            "where _problem is not null or _element is not null"
        ).format(items=items),
        "_item_number",
    )


def _spread_counts(cursor: Cursor, names: Sequence[str], column: str) -> None:
    """Make of every row as many as it counts; of 0 none, of what is no such count none either."""
    count = sql.Identifier(staged_name(column))
    good = sql.SQL("{} ~ '^\\s*\\d{{1,9}}([.]0+)?\\s*$'").format(count).as_string(cursor)
    _refuse(cursor, f"each_count: '{column}' is no whole number", f"({good}) is not true")
    _refuse(
        cursor,
        f"each_count: '{column}' is above {MOST_EVENTS}",
        f"case when {good} then {count.as_string(cursor)}::numeric > {MOST_EVENTS} end",
    )
    _replace(
        cursor,
        names,
        "_number",
        sql.SQL(
            "incoming left join lateral generate_series(1, case when _problem is null "
            "then {count}::numeric::integer end) as numbers (_number) on true "
            "where _problem is not null or _number is not null"
        ).format(count=count),
        "_number",
    )


def _spread_days(cursor: Cursor, names: Sequence[str], each_day: EachDay) -> None:
    """Make of every row one per day, with the columns _day, _day_number (from 1) and _days.

    A row whose days cannot be read, end before they start or are too many stays one, without them.
    """
    first = _day(each_day.first, each_day.expressions.get("from"), each_day.format)
    if each_day.span:
        last = sql.SQL("({} + {}::interval - interval '1 day')::date").format(
            first, sql.Literal({"quarter": "3 months"}.get(each_day.span, f"1 {each_day.span}"))
        )
    else:
        last = _day(each_day.last, each_day.expressions.get("to"), each_day.format)
    _replace(
        cursor,
        names,
        "(_first + _day_number - 1)::text as _day, _day_number, _days",
        sql.SQL(
            "(select *, case when _last - _first < {longest} and _last >= _first "
            "then _last - _first + 1 end as _days from ("
            "select *, {first} as _first, {last} as _last from incoming) as dated) as counted "
            "left join lateral generate_series(1, _days) as days (_day_number) on true"
        ).format(first=first, last=last, longest=sql.Literal(LONGEST_SPREAD)),
        "_day_number",
    )


def _replace(
    cursor: Cursor, names: Sequence[str], more: str, rows: sql.Composable, order: str
) -> None:
    """Put `rows` in the place of `incoming`, with the columns `names` and some more."""
    cursor.execute(
        sql.SQL(
            "create temp table spread on commit drop as "
            "select row_number() over (order by _row, {order}) as _row, _problem, {names}, {more} "
            "from {rows}"
        ).format(
            order=sql.SQL(order),
            names=sql.SQL(", ").join(sql.Identifier(staged_name(name)) for name in names),
            more=sql.SQL(more),
            rows=rows,
        )
    )
    cursor.execute("drop table incoming")
    cursor.execute("alter table spread rename to incoming")


def _day(column: str | None, formula: str | None, form: str | None) -> sql.Composable:
    """A source column, or SQL over them, as a date; null where it is none."""
    name = sql.Identifier(staged_name(column)) if column else sql.SQL(f"({formula})::text")
    text = date_text(name, form, is_day=True) if form else name
    return sql.SQL(
        "case when {0} ~ '^\\d{{4}}-\\d\\d-\\d\\d([ T]00:00.*)?$' "
        "and pg_input_is_valid({0}, 'date') then ({0})::date end"
    ).format(text)
