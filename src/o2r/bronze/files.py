"""Finding data files, and opening them."""

import gzip
import io
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from o2r.errors import UserError

BLOCK = 1 << 20
FORMATS = {
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    **dict.fromkeys((".ndjson", ".jsonl", ".json"), "ndjson"),
    ".parquet": "parquet",
}
PACKED = (".zip", ".bz2", ".xz", ".zst", ".7z", ".gz")
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
SYSTEM_COLUMNS = ("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid")
"""Names that PostgreSQL lets no column have."""
COMPANY_FILE = "company.yml"
"""What a company states beside its data: no data, and no matter of a mapping."""
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class DataFile:
    """One file to load; `name` is its path inside the folder given, `/` between parts.

    separator, encoding: of a CSV; whatever the encoding, `open_bytes` gives UTF-8.
    records: of JSON, the key whose list holds the rows, where a document has it.
    kind: what a tool calls such a file, whatever its name.
    """

    path: Path
    name: str
    format: str
    table_hints: tuple[str, ...]
    separator: str = ","
    encoding: str = "utf-8"
    records: str | None = None
    kind: str | None = None

    @property
    def compressed(self) -> bool:
        """True for gzip."""
        return self.path.suffix.lower() == ".gz"

    def is_meant_by(self, patterns: Collection[str]) -> bool:
        """True when one of the patterns fits the file, see `fits`."""
        return any(fits(self, pattern) for pattern in patterns)


def fits(file: DataFile, pattern: str) -> bool:
    """Whether a file is meant by a pattern of its name or path, or by a name without its suffix.

    `customers` is customers.csv, customers__2026-11.json and customers/part-0.parquet.
    """
    if pattern == file.kind:
        return True
    if fnmatchcase(file.path.name, pattern) or fnmatchcase(file.name, pattern):
        return True
    folders, _, name = file.name.rpartition("/")
    stem = name.split(".")[0].split("__")[0]
    return pattern in (stem, f"{folders}/{stem}", folders.rpartition("/")[2], folders)


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


def staged_name(name: str) -> str:
    """Name of a source column in `incoming`: its own, unless PostgreSQL lets no column have it."""
    return f"_{name}" if name in SYSTEM_COLUMNS else name
