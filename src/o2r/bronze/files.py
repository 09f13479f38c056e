"""Finding data files and looking them over before anything is loaded."""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from o2r.bronze.records import json_names
from o2r.errors import UserError

BLOCK = 1 << 20
FORMATS = {
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".ndjson", ".jsonl", ".json"), "ndjson"),
    ".parquet": "parquet",
}
PACKED = (".zip", ".bz2", ".xz", ".zst", ".7z", ".gz")
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
OWN_COLUMNS = ("_row", "_problem", "_day", "_day_number", "_days")
SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
"""Names that PostgreSQL lets no column have."""
BOM = b"\xef\xbb\xbf"
QUOTE = ord('"')
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class DataFile:
    """One file to load; `name` is its path inside the folder given, `/` between parts.

    separator, encoding: of a CSV; whatever the encoding, `open_bytes` gives UTF-8.
    """

    path: Path
    name: str
    format: str
    table_hints: tuple[str, ...]
    separator: str = ","
    encoding: str = "utf-8"

    @property
    def compressed(self) -> bool:
        """True for gzip."""
        return self.path.suffix.lower() == ".gz"


@dataclass(frozen=True)
class Survey:
    """What one pass over a file tells.

    checksum: SHA-256 of the uncompressed bytes.
    stamp:    size in bytes and time of change, to notice a file that changes while it is loaded.
    regular:  (CSV) every quote opens, closes or is doubled inside a field, and no line could be
              taken for an end mark, so that COPY and the csv module read the same rows.
    """

    checksum: str
    stamp: tuple[int, int]
    regular: bool


def find_files(path: Path, *, allow_none: bool = False) -> list[DataFile]:
    """Return the data files of a folder (in order of name, subfolders included) or the one file.

    The table is told by the file name before `__`, else by a folder around it.
    Raises UserError when there is nothing to load; with allow_none a folder may hold no file.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        if not _format(path):
            raise UserError(f"{path}: {_why_skipped(path)}")
        return [_data_file(path, path.parent)]
    found = [
        _data_file(item, path)
        for item in sorted(path.rglob("*"))
        if item.is_file() and _format(item)
        if not any(part.startswith((".", "_")) for part in item.relative_to(path).parts)
    ]
    if not found and not allow_none:
        aside = "; ".join(skipped_files(path)[:3])
        raise UserError(
            f"{path}: holds no .csv, .tsv, .ndjson, .json or .parquet file"
            + (f" ({aside})" if aside else "")
        )
    return found


def skipped_files(path: Path, but_for: Collection[Path] = ()) -> list[str]:
    """Return one line about each file of a folder that `find_files` leaves aside: name and reason.

    but_for: files that are no data on purpose, such as the mapping.
    """
    if not path.is_dir():
        return []
    taken = {file.path for file in find_files(path, allow_none=True)} | {*but_for}
    lines = []
    for item in sorted(path.rglob("*")):
        inside = item.relative_to(path)
        is_hidden = any(part.startswith(".") for part in inside.parts) and not _format(item)
        if item in taken or is_hidden or (item.is_dir() and not item.is_symlink()):
            continue
        lines.append(f"{inside.as_posix()}: {_why_skipped(item, inside)}")
    return lines


def _why_skipped(path: Path, inside: Path | None = None) -> str:
    """Say why a file is not loaded, and what to do."""
    suffix = path.suffix.lower()
    if path.is_symlink() and not path.exists():
        return "a link to a file that does not exist"
    if path.is_dir():
        return "a link to a folder: links to folders are not followed"
    if not path.is_file():
        return "not a regular file"
    if _format(path):
        marked = next(part for part in inside.parts if part.startswith((".", "_")))
        return f"'{marked}' begins with {marked[0]}: rename it to load it"
    if suffix in UNFINISHED:
        return "still being written, by its name: rename it when it is complete"
    if suffix in PACKED:
        return "packed in a way that is not read: unpack it, or use .gz for a .csv or .ndjson"
    return (
        "not a .csv, .tsv, .ndjson, .jsonl or .json (or .gz of these) or .parquet: export it as one"
    )


def _format(path: Path) -> str | None:
    name = path.name.lower()
    zipped = name.endswith(".gz")
    found = FORMATS.get(Path(name.removesuffix(".gz")).suffix)
    return None if zipped and found == "parquet" else found


def _data_file(path: Path, root: Path) -> DataFile:
    relative = path.relative_to(root)
    folders = [folder.name for folder in relative.parents if folder.name]
    hints = (path.name.split(".")[0].split("__")[0], *folders, root.resolve().name)
    separator = "\t" if ".tsv" in path.suffixes[-2:] else ","
    return DataFile(path, relative.as_posix(), _format(path), hints, separator)


@contextmanager
def open_bytes(file: DataFile, report: Callable[[int], None] | None = None) -> Iterator[BinaryIO]:
    """Open the file's uncompressed bytes; `report` gets the number of bytes read on disk so far.

    Raises UserError for a file that cannot be read, a broken gzip among them.
    """
    try:
        with file.path.open("rb") as raw:
            stream = gzip.GzipFile(fileobj=raw) if file.compressed else raw
            if report:
                stream = io.BufferedReader(_Reported(stream, raw, report), BLOCK)
            if file.encoding != "utf-8":
                stream = io.BufferedReader(_Recoded(stream, file), BLOCK)
            yield stream
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(f"{file.name}: broken gzip file: deliver it again") from None
    except OSError as error:
        raise UserError(f"{file.name}: cannot be read: {error.strerror}") from None


@contextmanager
def open_text(
    file: DataFile, report: Callable[[int], None] | None = None, *, skip: int = 0
) -> Iterator[Iterator[str]]:
    """Open the file's lines, line ends kept, from byte `skip` on and without a byte order mark.

    Bytes that are not UTF-8 come as `surrogateescape` makes them.
    """
    with open_bytes(file, report) as stream:
        stream.read(skip)
        encoding = "utf-8" if skip else "utf-8-sig"
        yield io.TextIOWrapper(stream, encoding, "surrogateescape", newline="")


class _Reported(io.RawIOBase):
    """A readable stream that tells how far the file on disk has been read."""

    def __init__(self, stream: BinaryIO, raw: BinaryIO, report: Callable[[int], None]) -> None:
        self._stream, self._raw, self._report = stream, raw, report

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._report(self._raw.tell())
        return len(data)


class _Recoded(io.RawIOBase):
    """A readable stream of another encoding, one byte per letter, as UTF-8.

    A byte that means nothing in that encoding stays as it is, which no UTF-8 text can hold.
    """

    def __init__(self, stream: BinaryIO, file: DataFile) -> None:
        self._stream, self._file = stream, file
        self._ready = memoryview(b"")
        self._is_first = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        if not self._ready:
            block = self._stream.read(BLOCK)
            if self._is_first and block.startswith(BOM):
                raise UserError(
                    f"{self._file.name}: begins with the mark of UTF-8, but the mapping says "
                    f"{self._file.encoding}: take that out"
                )
            self._is_first = False
            text = block.decode(self._file.encoding, "surrogateescape")
            self._ready = memoryview(text.encode("utf-8", "surrogateescape"))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def survey(file: DataFile) -> Survey:
    """Read the file once. Raises UserError for an empty one and for UTF-16 or binary content."""
    seen = stamp(file)
    digest = hashlib.sha256()
    quotes = _QuoteCheck(file.separator)
    first = True
    with open_bytes(file) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            if file.format == "parquet":
                continue
            if first:
                _refuse_foreign_text(file, block)
                block = block.removeprefix(BOM)
                first = False
            if file.format == "csv":
                quotes.feed(block)
    if first and file.format != "parquet":
        raise UserError(f"{file.name}: the file is empty (0 bytes): deliver it again")
    return Survey(digest.hexdigest(), seen, quotes.finish())


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


def csv_header(file: DataFile) -> tuple[list[str], int]:
    """Return the column names of a CSV and the number of bytes before its first data row.

    Raises UserError for a header that is missing, separated otherwise, not UTF-8, or has a column
    without a name or two of one name.
    """
    with open_bytes(file) as stream:
        block = stream.read(BLOCK)
    skipped = len(BOM) if block.startswith(BOM) else 0
    text = io.StringIO(block[skipped:].decode("utf-8", "surrogateescape"), newline="")
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


def column_names(file: DataFile) -> list[str]:
    """Return the source columns, in order; NDJSON is read to its end for them.

    Raises UserError when there are none that can be used.
    """
    if file.format == "csv":
        return csv_header(file)[0]
    if file.format == "parquet":
        from o2r.bronze.parquet import parquet_names  # only here: it takes a while to import

        return _checked_names(file, parquet_names(file))
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


def staged_name(name: str) -> str:
    """Name of a source column in `incoming`: its own, unless PostgreSQL lets no column have it."""
    return f"_{name}" if name in SYSTEM_COLUMNS else name


def _checked_names(file: DataFile, names: list[str]) -> list[str]:
    for position, name in enumerate(names, start=1):
        if not name:
            raise UserError(f"{file.name}: column {position} has no name: name or remove it")
        if len(name.encode()) > 63 or name in OWN_COLUMNS:
            raise UserError(f"{file.name}: column name '{name[:80]}' cannot be used: rename it")
        if name in names[: position - 1]:
            raise UserError(f"{file.name}: two columns are named '{name}': rename one")
    return names
