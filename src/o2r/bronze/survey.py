"""Looking a data file over, once, before anything of it is loaded."""

import csv
import hashlib
import io
from dataclasses import dataclass

import numpy as np

from o2r.bronze.files import BLOCK, BOM, DataFile, open_bytes
from o2r.bronze.json_files import open_rows
from o2r.bronze.records import json_names
from o2r.errors import UserError

OWN_COLUMNS = ("_row", "_problem", "_day", "_day_number", "_days")
LONGEST_HEADER = 1 << 20  # bytes
QUOTE = ord('"')
LINE_END, RETURN = b"\n\r"
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
NUMBER, DAY, INSTANT = "number", "day", "instant"
LETTERS = {NUMBER: "-+. ", INSTANT: "-+:.TZ "}
"""Beside digits, of the forms that can be trusted; others are a matter of interpretation."""
LONGEST_VALUE = 40  # bytes of a number or an instant in one of these forms


@dataclass(frozen=True)
class Survey:
    """What one look at a file tells.

    checksum: SHA-256 of the uncompressed bytes.
    stamp:    size in bytes and time of change, to notice a file that changes while it is loaded.
    names:    the source columns, in order; those of NDJSON sorted.
    start:    (CSV) number of bytes before the first row of data.
    regular:  (CSV) every quote opens, closes or is doubled inside a field, and no line could be
              taken for an end mark, so that COPY and the csv module read the same rows; never of
              one column, where a blank line is a row to one of them.
    forms:    (regular CSV) by column, the forms that every value of it has: a NUMBER of plain
              digits that six decimals do not round to nothing, a DAY (2026-01-05), an INSTANT
              that begins with one. An empty value has every form. Empty where it was not looked at.
    """

    checksum: str
    stamp: tuple[int, int]
    names: list[str]
    start: int = 0
    regular: bool = False
    forms: tuple[frozenset[str], ...] = ()


def survey(file: DataFile) -> Survey:
    """Read the file once (NDJSON twice, for its keys).

    Raises UserError for an empty file, for UTF-16 or binary content, and for columns that cannot
    be used: no header, separated otherwise, not UTF-8, without a name, or two of one name.
    """
    seen = stamp(file)
    digest = hashlib.sha256()
    names, start, checks = [], 0, []
    with open_bytes(file) as stream:
        head = stream.read(LONGEST_HEADER)
        if file.format != "parquet":
            _refuse_foreign_text(file, head)
        if file.format == "csv":
            names, start = _header(file, head)
            quotes, forms = _QuoteCheck(file.separator), FormCheck(file.separator, len(names))
            quotes.feed(head.removeprefix(BOM))
            forms.feed(head[start:])
            checks = [quotes, forms]
        digest.update(head)
        while block := stream.read(BLOCK):
            digest.update(block)
            for check in checks:
                check.feed(block)
    checksum = digest.hexdigest()
    if file.format == "parquet":
        from o2r.bronze.parquet import parquet_names  # only here: it takes a while to import

        return Survey(checksum, seen, _checked_names(file, parquet_names(file)))
    if file.format == "ndjson":
        return Survey(checksum, seen, _json_names(file))
    is_regular = quotes.finish() and len(names) > 1
    return Survey(checksum, seen, names, start, is_regular, forms.finish() if is_regular else ())


def stamp(file: DataFile) -> tuple[int, int]:
    """Return size in bytes and time of change in nanoseconds. Raises UserError when it is gone."""
    try:
        found = file.path.stat()
    except OSError as error:
        raise UserError(f"{file.name}: cannot be read: {error.strerror}") from None
    return found.st_size, found.st_mtime_ns


def _refuse_foreign_text(file: DataFile, head: bytes) -> None:
    if not head:
        raise UserError(f"{file.name}: the file is empty (0 bytes): deliver it again")
    start = head[:4096]
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or start.count(0) * 10 > len(start):
        raise UserError(f"{file.name}: not UTF-8 text (UTF-16 or binary): save it as UTF-8")


class _QuoteCheck:
    """Tells over a stream of blocks whether a CSV is regular; see Survey."""

    def __init__(self, separator: str) -> None:
        self._around = np.isin(np.arange(256), list(f'{separator}"\r\n'.encode()))
        self._count = 0
        self._tail = b"\n"
        self._good = True

    def feed(self, block: bytes) -> None:
        window = self._tail + block
        self._tail = window[-2:]
        if not self._good or (b'"' not in window and b"\\" not in window):
            return
        data = np.frombuffer(window, dtype=np.uint8)
        positions = np.flatnonzero(data[1:-1] == QUOTE) + 1
        opens = (np.arange(self._count, self._count + positions.size) % 2) == 0
        self._count += positions.size
        neighbours = np.where(opens, data[positions - 1], data[positions + 1])
        self._good = bool(self._around[neighbours].all()) and b"\n\\." not in window

    def finish(self) -> bool:
        self.feed(b"\n")
        return self._good and self._count % 2 == 0


class FormCheck:
    """Tells over a stream of blocks, the header left out, which forms each column of a CSV has."""

    def __init__(self, separator: str, width: int) -> None:
        self._separator, self._width = ord(separator), width
        self.forms = [{NUMBER, DAY, INSTANT} for _ in range(width)]
        self._rest = b""

    def feed(self, block: bytes) -> None:
        if not any(self.forms):
            return
        text = self._rest + block
        data = np.frombuffer(text + bytes(LONGEST_VALUE), dtype=np.uint8)
        is_end = (data == self._separator) | (data == LINE_END)
        is_quoted = b'"' in text
        if is_quoted:
            is_end &= np.cumsum(data == QUOTE, dtype=np.uint8) % 2 == 0
        ends = np.flatnonzero(is_end)
        ends = ends[: ends.size - ends.size % self._width]
        starts = np.concatenate(([0], ends + 1))
        self._rest = text[starts[-1] :]
        ends, starts = ends.reshape(-1, self._width), starts[:-1].reshape(-1, self._width)
        is_line_end = data[ends] == LINE_END
        if is_line_end[:, :-1].any() or not is_line_end[:, -1].all() or len(self._rest) > 4 * BLOCK:
            self.forms = [set() for _ in self.forms]
            return
        ends[:, -1] -= data[ends[:, -1] - 1] == RETURN
        for column, forms in enumerate(self.forms):
            if forms and len(ends):
                begin, end = starts[:, column], ends[:, column]
                if is_quoted:
                    quoted = data[begin] == QUOTE
                    begin, end = begin + quoted, end - quoted
                self._narrow(forms, text, data, begin, end - begin)

    def finish(self) -> tuple[frozenset[str], ...]:
        if self._rest:
            self.feed(b"\n")
        return tuple(frozenset(() if self._rest else forms) for forms in self.forms)

    def _narrow(
        self, forms: set[str], text: bytes, data: np.ndarray, begin: np.ndarray, sizes: np.ndarray
    ) -> None:
        """Take from `forms` those that a value of `sizes` bytes from `begin` on does not have."""
        longest = sizes.max()
        if longest > LONGEST_VALUE:
            forms.clear()
        if not forms or longest < 1:
            return
        values = np.lib.stride_tricks.sliding_window_view(data, longest)[begin]
        behind = np.arange(longest) >= sizes[:, None]
        for form in forms & LETTERS.keys():
            known = behind | (values - np.uint8(ord("0")) < 10)
            for letter in LETTERS[form]:
                known |= values == ord(letter)
            if not known.all():
                forms.discard(form)
        if NUMBER in forms and longest > 7:
            # lost is what has more than six decimals, and noughts where others have digits
            small = (sizes > 7) & (values[:, 0] - np.uint8(ord("1")) > 8)
            is_point = values[small] == ord(".")
            decimals = (sizes[small] - 1 - is_point.argmax(axis=1)) * is_point.any(axis=1)
            if (decimals > 6).any() and b".000000" in text:
                forms.discard(NUMBER)
        if INSTANT in forms:
            is_day = longest >= 10 and (values[:, (4, 7)] == ord("-")).all(axis=1) & (sizes >= 10)
            if not (is_day | (sizes < 1)).all():
                forms.discard(INSTANT)
        if longest > 10 or INSTANT not in forms:
            forms.discard(DAY)


def _header(file: DataFile, head: bytes) -> tuple[list[str], int]:
    """Column names of a CSV by its first bytes, and how many come before its first row of data."""
    skipped = len(BOM) if head.startswith(BOM) else 0
    text = io.StringIO(head[skipped:].decode("utf-8", "surrogateescape"), newline="")
    try:
        names = next(csv.reader(text, strict=True, delimiter=file.separator), [])
    except csv.Error as error:
        raise UserError(f"{file.name}: the header cannot be read: {error}") from None
    if not names:
        raise UserError(f"{file.name}: no columns: the first line must hold the column names")
    if len(names) == 1:
        for separator, word in SEPARATORS.items():
            if separator in names[0]:
                raise UserError(
                    f"{file.name}: separated by {word}: export it with "
                    f"{SEPARATORS[file.separator]}, or state its separator in the mapping"
                )
    if any("\udc80" <= letter <= "\udcff" for letter in "".join(names)):
        raise UserError(f"{file.name}: the header is not UTF-8: save the file as UTF-8")
    consumed = text.getvalue()[: text.tell()].encode("utf-8", "surrogateescape")
    return _checked_names(file, [name.strip() for name in names]), skipped + len(consumed)


def _json_names(file: DataFile) -> list[str]:
    with open_rows(file) as rows:
        names = json_names(rows)
    if not names:
        raise UserError(
            f"{file.name}: no line is a JSON object: deliver one object per line, or one array"
        )
    return _checked_names(file, names)


def _checked_names(file: DataFile, names: list[str]) -> list[str]:
    for position, name in enumerate(names, start=1):
        if not name:
            raise UserError(f"{file.name}: column {position} has no name: name or remove it")
        if len(name.encode()) > 63 or name in OWN_COLUMNS:
            raise UserError(f"{file.name}: column name '{name[:80]}' cannot be used: rename it")
        if name in names[: position - 1]:
            raise UserError(f"{file.name}: two columns are named '{name}': rename one")
    return names
