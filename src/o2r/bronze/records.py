"""Reading a file record by record, so that one bad line costs one row.

A record is (problem, fields): problem is None for a good one; else it says what is wrong, and the
only field is the line as delivered, with bytes that are not UTF-8, and NUL, as backslash escapes.
Lines come decoded with `surrogateescape`. Blank lines are left out.
"""

import csv
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

LONGEST_RECORD = 1000  # lines; a quote still open after so many is taken for a stray one
LONGEST_FIELD = 1 << 28  # characters; the csv module's own limit is lower than COPY's

Record = tuple[str | None, list[str | None]]


def csv_records(lines: Iterable[str], width: int, separator: str = ",") -> Iterator[Record]:
    """Yield the records of a CSV with `width` columns; `lines` keep their line ends.

    A record goes on in the next line while its quotes do not balance; where that leads to nothing
    readable, only its first line is given up.
    """
    csv.field_size_limit(LONGEST_FIELD)
    source = iter(lines)
    waiting: deque[str] = deque()

    def following() -> str | None:
        return waiting.popleft() if waiting else next(source, None)

    while (line := following()) is not None:
        if not line.strip("\r\n"):
            continue
        taken, quotes = [line], line.count('"')
        while quotes % 2 and len(taken) < LONGEST_RECORD and (more := following()) is not None:
            taken.append(more)
            quotes += more.count('"')
        fields = _csv_fields(taken, separator)
        if len(taken) > 1 and (fields is None or len(fields) != width):
            waiting.extendleft(reversed(taken[1:]))
            taken, fields = [line], _csv_fields([line], separator)
        text = "".join(taken)
        problem = unreadable(text)
        if not problem and fields is None:
            problem = "quotes do not balance"
        if not problem and len(fields) != width:
            problem = f"expected {width} columns, found {len(fields)}"
        yield (problem, [printable(text)]) if problem else (None, fields)


def json_names(lines: Iterable[str]) -> list[str]:
    """Return the keys of all JSON objects, one per line, sorted."""
    names: set[str] = set()
    for line in lines:
        names.update(_json_object(line) or ())
    return sorted(names)


def json_records(lines: Iterable[str], names: Sequence[str]) -> Iterator[Record]:
    """Yield the records of NDJSON: the values of `names` as text, numbers as they are written.

    A nested value becomes JSON text; a missing key and null become None.
    """
    for line in lines:
        if not line.strip():
            continue
        try:
            document = _decode(line)
            doubled = None
        except _DoubledKeyError as error:
            document, doubled = None, str(error)
        except (ValueError, RecursionError):
            document = doubled = None
        is_object = isinstance(document, dict)
        problem = unreadable(line) or doubled or (None if is_object else "not a JSON object")
        if not problem:
            fields = [document.get(name) for name in names]
            if not all(field is None or isinstance(field, str) for field in fields):
                fields = _json_texts(fields, json.loads(line), names)
            if "\\u" in line:
                problem = unreadable("".join(field or "" for field in fields))
        yield (problem, [printable(line)]) if problem else (None, fields)


def _csv_fields(lines: list[str], separator: str) -> list[str] | None:
    """Return the fields of one record, or None when the lines are not exactly one."""
    try:
        rows = list(csv.reader(lines, strict=True, delimiter=separator))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _DoubledKeyError(ValueError):
    """An object has two values of one key."""


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _DoubledKeyError(f"key '{twice[:80]}' is there twice")
    return found


_decode = json.JSONDecoder(
    parse_float=str,
    parse_int=str,
    parse_constant=_refuse_constant,
    object_pairs_hook=_once_each,
).decode


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        document = _decode(line)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _json_texts(fields: list, plain: dict[str, Any], names: Sequence[str]) -> list[str | None]:
    """Write booleans and nested values, whose numbers are numbers in `plain`, as JSON."""
    return [
        field
        if field is None or isinstance(field, str)
        else json.dumps(plain[name], ensure_ascii=False)
        for field, name in zip(fields, names, strict=True)
    ]


def unreadable(text: str) -> str | None:
    """Say why PostgreSQL cannot hold the text, if so."""
    if "\0" in text:
        return "holds a NUL byte"
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        return "not valid UTF-8"
    return None


def printable(text: str) -> str:
    data = text.rstrip("\r\n").encode("utf-8", "surrogateescape")
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00")
