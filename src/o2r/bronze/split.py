"""Set-based SQL that takes the rows of `incoming` apart: bad, repeated, new.

Temporary tables, all of this transaction: `typed` (rows that fit the contract, later only the new
ones) and `rejected` (rows kept out: _row, reason, column_name).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from psycopg2 import DataError, sql
from psycopg2.extensions import cursor as Cursor

from o2r.bronze.faults import NOW, Fault, faults
from o2r.bronze.survey import INSTANT, LETTERS, NUMBER
from o2r.contracts import SCHEMA, Column, Contract

NEW_PARTITIONS = 120  # per file; rows of further months stay in the default partition
ISO_SHAPES = {
    "date": ("____-__-__", "____-__-__ 00:00:00%", "____-__-__T00:00:00%"),
    "timestamptz": ("____-__-__%",),
    "timestamp": ("____-__-__%",),
}
ODD_LETTERS = {
    **dict.fromkeys(ISO_SHAPES, f"[^{LETTERS[INSTANT]}0-9]"),
    **dict.fromkeys(("integer", "bigint", "numeric(18,6)"), f"[^{LETTERS[NUMBER]}0-9]"),
}
"""By type: letters that PostgreSQL understands and no contract speaks of: 1_000, 0x1F, PST, BC."""
PLAIN_FORMS = {
    **dict.fromkeys(ISO_SHAPES, r"^[-0-9]{10}[Tt ][0-9:.]+ ?(z|utc|gmt)?\s*$"),
    "numeric(18,6)": r"^\s*[-+]?[0-9]*[.]?[0-9]*e[-+]?[0-9]+\s*$",
}
"""Forms that hold such letters and are plain all the same, whatever their case."""
ODD_ROW = rf"[^{LETTERS[INSTANT]}0-9]|[.]0{{6}}"
"""Any odd letter, or a number that may be lost; of all values of a row that are no free text."""
SUPERSEDED = "superseded by a later row of the same key in this file"
NO_DAY = "null::date"
SHOWN = 5  # values that a seed does not know, by column
UNLIKE = "keys that differ in case or blanks only are one key"


class Splitter:
    """Splits the staged rows of one file for one table; call the methods in this order.

    A `typed` that COPY has filled needs no keep_readable.

    values: SQL text expression over the columns of `incoming`, for each column of the contract.
    forms:  for a column whose values have a stated form, what it is.
    held_by (after drop_known): earlier batch -> how many of the rows dropped it holds in bronze.
    """

    def __init__(
        self,
        cursor: Cursor,
        contract: Contract,
        values: Mapping[str, sql.Composable],
        forms: Mapping[str, str],
    ) -> None:
        self._cursor = cursor
        self._contract = contract
        self._forms = forms
        self.held_by: dict[int, int] = {}
        cursor.execute(
            "create temp table rejected (_row bigint, reason text, column_name text) on commit drop"
        )
        self._table = sql.Identifier(SCHEMA, contract.table)
        self._names = [column.name for column in contract.columns]
        self._stamps = [
            column.name
            for column in contract.columns
            if column.data_type in ISO_SHAPES
            if column.name in (*contract.business_key, contract.partition_column)
        ]
        self._found_days: list[tuple] | None = None
        # what a row says of its key; only that makes two rows of one key differ
        self._facts = [name for name in self._names if name not in contract.business_key]
        self._source = sql.SQL("(select _row, _problem, {} from incoming) as source").format(
            _comma(
                sql.SQL("{} as {}").format(value, sql.Identifier(name))
                for name, value in values.items()
            )
        )

    def keep_readable(self) -> int:
        """Move the rows whose values fit their types into `typed`, the others to `rejected`.

        Returns the number of rows received. It first casts every row; only when a cast fails, or a
        value looks odd, are all values tested one by one.
        """
        received = self.count("incoming")
        self._run("savepoint cast_all")
        try:
            kept = self._cast(tested=False)
            is_odd = kept < received and self._has_odd_rows()
        except DataError:
            is_odd = True
        if is_odd:
            self._run("rollback to savepoint cast_all")
            kept = self._cast(tested=True)
        if kept < received:
            self._reject_unreadable()
        return received

    def reject_unsound(self, *, is_copied: bool = False) -> None:
        """Move rows that the contract forbids from `typed` to `rejected`.

        is_copied: COPY has filled `typed`; what lacks a required value goes for that reason only.
        """
        missing = [
            Fault(column.name, _is_missing(column), sql.Literal(f"{column.name}: required"))
            for column in self._contract.columns
            if column.required and is_copied
        ]
        groups = [found for found in (missing, faults(self._contract, NOW)) if found]
        if not groups:
            return
        self._run(
            "with unsound as (delete from typed where {any} returning *) insert into rejected "
            "select _row, case {reasons} end, case {columns} end from unsound",
            any=_any(fault for found in groups for fault in found),
            reasons=sql.SQL(" ").join(
                sql.SQL("when {} then concat_ws('; ', {})").format(
                    _any(found),
                    _comma(
                        sql.SQL("case when {} then {} end").format(sql.SQL(one.test), one.reason)
                        for one in found
                    ),
                )
                for found in groups
            ),
            columns=sql.SQL(" ").join(
                sql.SQL("when {} then {}").format(sql.SQL(one.test), sql.Literal(one.column))
                for found in groups
                for one in found
            ),
        )

    def drop_repeated(self) -> int:
        """Keep the last row of each key in `typed`; returns how many equal rows went.

        Rows that differ from the last one of their key go to `rejected`.
        """
        self._run(
            "select count(*) - count(distinct hash_record_extended(row({normal_key}), 0)) "
            "from typed"
        )
        if not self._cursor.fetchone()[0]:
            return 0
        self._run(
            "create temp table repeated on commit drop as "
            "select hash_record_extended(row({normal_key}), 0) as hash from typed "
            "group by 1 having count(*) > 1"
        )
        self._run(
            "create temp table losers on commit drop as "
            "with candidate as (select * from typed "
            "where hash_record_extended(row({normal_key}), 0) in (select hash from repeated)), "
            "winner as (select distinct on ({normal_key}) * from candidate "
            "order by {normal_key}, _row desc) "
            "select candidate._row, {same} as equal, {same_text} as is_written_alike "
            "from candidate join winner on {same_key} where candidate._row <> winner._row",
            same=_same(self._facts, "candidate", "winner"),
            same_text=_same(self._contract.business_key, "candidate", "winner"),
            same_key=self._same_key("candidate", "winner"),
        )
        self._run("delete from typed using losers where typed._row = losers._row")
        self._run(
            "insert into rejected select _row, case when is_written_alike then {reason} "
            "else {unlike} end from losers where not equal",
            reason=sql.Literal(SUPERSEDED),
            unlike=sql.Literal(f"{SUPERSEDED}: {UNLIKE}"),
        )
        return self.count("losers where equal")

    def drop_known(self) -> int:
        """Drop from `typed` the rows equal to the latest version of their key in bronze.

        Returns how many. What stays is new, or a correction. Only the days that the file touches
        are searched for equal rows: an equal row has the same ones.
        """
        if not self._days():
            return 0
        near = self._near()
        self._run("select exists (select 1 from {table} as known where {near})", near=near)
        if not self._cursor.fetchone()[0]:
            return 0
        self._run("analyze typed")
        column = self._contract.partition_column
        same_day = _equal([column], "typed", "known") if column else sql.SQL("true")
        self._run(
            "create temp table seen on commit drop as "
            "select typed._row, max(known.loaded_at) as loaded_at, "
            "(array_agg(known.batch_id order by known.loaded_at desc))[1] as held_by "
            "from typed join {table} as known on {same_key} and {same_day} and {near} "
            "where {same} group by typed._row",
            near=near,
            same_day=same_day,
            same_key=self._same_key("typed", "known"),
            same=_same(self._facts, "typed", "known"),
        )
        if not self._cursor.rowcount:
            return 0
        self._run("analyze seen")
        self._run(
            "delete from seen using typed, {table} as later where seen._row = typed._row "
            "and {same_key} and later.loaded_at > seen.loaded_at",
            same_key=self._same_key("typed", "later"),
        )
        self._run("select held_by, count(*) from seen where held_by is not null group by 1")
        self.held_by = dict(self._cursor.fetchall())
        self._run("delete from typed using seen where typed._row = seen._row")
        self._found_days = None
        return self._cursor.rowcount

    def unknown_values(self) -> list[str]:
        """One line for each column with values that its seed does not know; the rows are kept."""
        lines = []
        for column in self._contract.columns:
            known = column.known()
            if known is None:
                continue
            self._run(
                "select left(value, 40), sum(rows)::bigint from (select {normal} as value, "
                "count(*) as rows from typed group by {name}) as found where value <> '' "
                "and value <> all({known}) group by 1 order by 2 desc, 1",
                normal=sql.SQL(column.normal(f'"{column.name}"')),
                name=sql.Identifier(column.name),
                known=sql.Literal(known),
            )
            if found := self._cursor.fetchall():
                shown = ", ".join(f"'{value}' ({rows})" for value, rows in found[:SHOWN])
                more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
                lines.append(
                    f"{column.name}: {shown}{more} not in dbt/seeds/{column.known_from[0].name}: "
                    "correct them, or add them there before the next build"
                )
        return lines

    def insert(self, batch_id: int, source_file: str, loaded_at: object) -> int:
        """Insert what is left of `typed` into bronze, with its partitions; returns how many.

        In order of the key, so that the index of the primary key grows page by page.
        """
        days = self._days()
        if self._contract.partition_column:
            months = Counter()
            for _, day, rows, *_ in days:
                months[day.replace(day=1)] += rows
            self._run(
                "select ops.ensure_month_partition({regclass}, month) "
                "from unnest({months}::date[]) as month",
                regclass=sql.Literal(f"{SCHEMA}.{self._contract.table}"),
                months=sql.Literal(
                    sorted(months, key=lambda month: (-months[month], month))[:NEW_PARTITIONS]
                ),
            )
        self._run(
            "insert into {table} ({names}, loaded_at, batch_id, source_file) "
            "select {names}, {loaded_at}, {batch_id}, {source_file} from typed order by {key}",
            loaded_at=sql.Literal(loaded_at),
            batch_id=sql.Literal(batch_id),
            source_file=sql.Literal(source_file),
        )
        inserted = self._cursor.rowcount
        if self._contract.event_day:
            self._run(
                "insert into ops.changed_days (table_name, kind, batch_id, event_date) "
                "select {name}, 'batch', {batch_id}::bigint, day from unnest({days}::date[]) day",
                name=sql.Literal(self._contract.table),
                batch_id=sql.Literal(batch_id),
                days=sql.Literal(list({day for day, *_ in days})),
            )
        return inserted

    def quarantine(self, batch_id: int) -> None:
        """Write `rejected` to ops.quarantined_rows with the row as it was delivered."""
        self._run(
            "select attname from pg_attribute where attrelid = 'incoming'::regclass "
            "and attnum > 0 order by attnum offset 2 limit 1"
        )
        self._run(
            "insert into ops.quarantined_rows "
            "select {batch_id}, _row, {table_name}, rejected.reason, rejected.column_name, "
            "case when _problem is null then (to_jsonb(incoming.*) - '_row' - '_problem')::text "
            "else incoming.{first} end from rejected join incoming using (_row)",
            batch_id=sql.Literal(batch_id),
            table_name=sql.Literal(self._contract.table),
            first=sql.Identifier(self._cursor.fetchone()[0]),
        )

    def count(self, rows: str) -> int:
        """Count the rows of a temporary table of this transaction."""
        self._cursor.execute(f"select count(*) from {rows}")
        return self._cursor.fetchone()[0]

    def _cast(self, *, tested: bool) -> int:
        self._run(
            "create temp table typed on commit drop as select _row, {values} "
            "from {source} where _problem is null and {fits}",
            values=_comma(
                sql.SQL("{0}::{1} as {0}").format(
                    sql.Identifier(column.name), sql.SQL(column.data_type)
                )
                for column in self._contract.columns
            ),
            fits=sql.SQL(" and ").join(
                test
                for column in self._contract.columns
                for test in (_present(column), _fits(column, tested=tested))
                if test
            )
            + (sql.SQL("") if tested else sql.SQL(" and not {}").format(self._is_odd())),
        )
        return self._cursor.rowcount

    def _has_odd_rows(self) -> bool:
        self._run(
            "select exists (select 1 from {source} where _problem is null and {odd})",
            odd=self._is_odd(),
        )
        return self._cursor.fetchone()[0]

    def _is_odd(self) -> sql.Composable:
        """Test all values of a row at once for letters that a strict look is needed for."""
        values = [
            sql.Identifier(column.name)
            for column in self._contract.columns
            if column.data_type in ODD_LETTERS
        ]
        if not values:
            return sql.SQL("false")
        return sql.SQL("(concat_ws(' ', {}) ~ {})").format(_comma(values), sql.Literal(ODD_ROW))

    def _reject_unreadable(self) -> None:
        faults = [
            (column.name, f"{column.name}: {text}", test)
            for column in self._contract.columns
            for text, test in (
                ("required", _present(column)),
                (
                    f"not {self._form(column)}",
                    _fits(column, tested=True),
                ),
            )
            if test
        ]
        self._run(
            "insert into rejected select * from (select _row, "
            "coalesce(_problem, nullif(concat_ws('; ', {reasons}), '')) as reason, "
            "case when _problem is null then case {columns} end end from {source}) as judged "
            "where reason is not null",
            reasons=_comma(
                sql.SQL("case when not {} then {} end").format(test, sql.Literal(reason))
                for _, reason, test in faults
            ),
            columns=sql.SQL(" ").join(
                sql.SQL("when not {} then {}").format(test, sql.Literal(name))
                for name, _, test in faults
            ),
        )

    def _days(self) -> list[tuple]:
        """Of `typed` by day of the event and of its partition: both, how many rows, and the first
        and last of each column of `_stamps`.
        """
        if self._found_days is None:
            part = self._contract.partition_column
            self._run(
                "select {day}, {part_day}, count(*){spans} from typed group by 1, 2",
                day=sql.SQL(self._contract.event_day or NO_DAY),
                part_day=sql.SQL(f"cast(timezone('UTC', {part}) as date)" if part else NO_DAY),
                spans=sql.SQL("").join(
                    sql.SQL(", min({0}), max({0})").format(sql.Identifier(name))
                    for name in self._stamps
                ),
            )
            self._found_days = self._cursor.fetchall()
        return self._found_days

    def _near(self) -> sql.Composable:
        """Test that a known row lies in the span of every day of the key that `typed` has."""
        tests = [
            sql.SQL("known.{} between {} and {}").format(
                sql.Identifier(name),
                sql.Literal(min(day[3 + 2 * n] for day in self._days())),
                sql.Literal(max(day[4 + 2 * n] for day in self._days())),
            )
            for n, name in enumerate(self._stamps)
        ]
        return sql.SQL(" and ").join(tests) if tests else sql.SQL("true")

    def _normal(self, side: str = "") -> list[sql.Composable]:
        """The columns of the key as models compare them; side: of which relation."""
        table = f'"{side}".' if side else ""
        return [
            sql.SQL(column.normal(f'{table}"{column.name}"'))
            for name in self._contract.business_key
            for column in self._contract.columns
            if column.name == name
        ]

    def _same_key(self, left: str, right: str) -> sql.Composable:
        return sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(*pair)
            for pair in zip(self._normal(left), self._normal(right), strict=True)
        )

    def _form(self, column: Column) -> str:
        """What the values of a column have to be."""
        iso = "ISO 8601 " if column.data_type in ISO_SHAPES else ""
        return self._forms.get(column.name, f"a valid {iso}{column.data_type}")

    def _run(self, statement: str, **parts: sql.Composable) -> None:
        part = self._contract.partition_column
        self._cursor.execute(
            sql.SQL(statement).format(
                **{
                    "table": self._table,
                    "source": self._source,
                    "names": _comma(map(sql.Identifier, self._names)),
                    "key": _comma(map(sql.Identifier, self._contract.business_key)),
                    "normal_key": _comma(self._normal()),
                    "part": sql.Identifier(part) if part else None,
                }
                | parts
            )
        )


def _comma(parts: object) -> sql.Composable:
    return sql.SQL(", ").join(parts)


def _any(found: Iterable[Fault]) -> sql.Composable:
    return sql.SQL(" or ").join(sql.SQL(f"({one.test})") for one in found)


def _is_missing(column: Column) -> str:
    """SQL that is true where a value in a typed column is null or blank, fast for all others."""
    blank = f""" or "{column.name}" ^@ ' ' and btrim("{column.name}") = ''"""
    return f'"{column.name}" is null' + blank * (column.data_type == "text")


def _present(column: Column) -> sql.Composable | None:
    """Test that a required value is neither null nor blank; None for an optional column."""
    if not column.required:
        return None
    return sql.SQL("coalesce(btrim({}) <> '', false)").format(sql.Identifier(column.name))


def _fits(column: Column, *, tested: bool) -> sql.Composable | None:
    """Test a value's type, true for null; None when any text will do.

    Dates must be ISO 8601: `01/02/2026` is ambiguous, `now` and `infinity` are no facts. Without
    `tested` only the shape is looked at, and the cast itself must do the rest.
    """
    name = sql.Identifier(column.name)
    tests = []
    if column.data_type in ISO_SHAPES:
        shapes = [
            sql.SQL("{} like {}").format(name, sql.Literal(shape))
            for shape in ISO_SHAPES[column.data_type]
        ]
        tests.append(sql.SQL("(({}) is not false)").format(sql.SQL(" or ").join(shapes)))
    if tested and column.data_type != "text":
        tests.append(_reads(name, column.data_type))
    return sql.SQL("({})").format(sql.SQL(" and ").join(tests)) if tests else None


def _reads(name: sql.Identifier, data_type: str) -> sql.Composable:
    """Test strictly that a text says a value of the type, and that the type can hold it."""
    parts = {
        "name": name,
        "type": sql.Literal(data_type),
        "odd": sql.Literal(ODD_LETTERS.get(data_type)),
        "plain": sql.Literal(PLAIN_FORMS.get(data_type, "^$")),
    }
    test = "pg_input_is_valid({name}, {type})"
    if data_type in ODD_LETTERS:
        test += " and ({name} !~ {odd} or {name} ~* {plain})"
    if data_type.startswith("numeric"):
        # what is more than nothing must not be rounded to nothing
        test = (
            f"case when {test} then {{name}}::{data_type} <> 0 "
            "or split_part(lower({name}), 'e', 1) !~ '[1-9]' else false end"
        )
    return sql.SQL(f"({{name}} is null or ({test}))").format(**parts)


def _equal(keys: object, left: str, right: str) -> sql.Composable:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(left, key), sql.Identifier(right, key))
        for key in keys
    )


def _same(names: Sequence[str], left: str, right: str) -> sql.Composable:
    """Compare columns, null equal to null; true of none."""
    if not names:
        return sql.SQL("true")
    return sql.SQL("(row({}) is not distinct from row({}))").format(
        *(_comma(sql.Identifier(side, name) for name in names) for side in (left, right))
    )
