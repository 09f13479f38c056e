"""Looking a data file over, once, before anything of it is loaded."""

import csv
import hashlib
import io
from dataclasses import dataclass

import numpy as np

from o2r.bronze.files import BLOCK, BOM, DataFile, open_bytes, open_text
from o2r.bronze.records import json_names
from o2r.errors import UserError

OWN_COLUMNS = ("_row", "_problem", "_day", "_day_number", "_days")
LONGEST_HEADER = 1 << 20  # bytes
QUOTE = ord('"')
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Survey:
    """What one look at a file tells.

    checksum: SHA-256 of the uncompressed bytes.
    stamp:    size in bytes and time of change, to notice a file that changes while it is loaded.
    names:    the source columns, in order; those of NDJSON sorted.
    start:    (CSV) number of bytes before the first row of data.
    regular:  (CSV) every quote opens, closes or is doubled inside a field, and no line could be
              taken for an end mark, so that COPY and the csv module read the same rows.
    """

    checksum: str
    stamp: tuple[int, int]
    names: list[str]
    start: int = 0
    regular: bool = False


def survey(file: DataFile) -> Survey:
    """Read the file once (NDJSON twice, for its keys).

    Raises UserError for an empty file, for UTF-16 or binary content, and for columns that cannot
    be used: no header, separated otherwise, not UTF-8, without a name, or two of one name.
    """
    seen = stamp(file)
    digest = hashlib.sha256()
    quotes = _QuoteCheck(file.separator)
    head = b""
    with open_bytes(file) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            if file.format == "parquet":
                continue
            if not head:
                _refuse_foreign_text(file, block)
            if len(head) < LONGEST_HEADER:
                head += block
            if len(head) == len(block):
                block = block.removeprefix(BOM)
            if file.format == "csv":
                quotes.feed(block)
    checksum = digest.hexdigest()
    if file.format == "parquet":
        from o2r.bronze.parquet import parquet_names  # only here: it takes a while to import

        return Survey(checksum, seen, _checked_names(file, parquet_names(file)))
    if not head:
        raise UserError(f"{file.name}: the file is empty (0 bytes): deliver it again")
    if file.format == "ndjson":
        return Survey(checksum, seen, _json_names(file))
    names, start = _header(file, head)
    return Survey(checksum, seen, names, start, quotes.finish())


def stamp(file: DataFile) -> tuple[int, int]:
    """Return size in bytes and time of change in nanoseconds. Raises UserError when it is gone."""
    try:
        found = file.path.stat()
    except OSError as error:
        raise UserError(f"{file.name}: cannot be read: {error.strerror}") from None
    return found.st_size, found.st_mtime_ns


def _refuse_foreign_text(file: DataFile, block: bytes) -> None:
    start = block[:4096]
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
        if not self._good or (b'"' not in window and b"\n\\." not in window):
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
    with open_text(file) as lines:
        names = json_names(lines)
    with open_text(file) as lines:
        first = next((line.lstrip() for line in lines if line.strip()), "")
    is_array = first.startswith("[") and ".json" in file.path.suffixes
    if not names or is_array:
        what = "one JSON array" if is_array else "no line is a JSON object"
        raise UserError(
            f"{file.name}: {what}: deliver one object per line (jq -c '.[]' FILE > FILE.ndjson)"
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
