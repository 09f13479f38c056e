"""Files of an export: cells that can do no harm, bytes that are there whole or not at all."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from o2r.errors import UserError

SHA256 = re.compile(r"[0-9a-f]{64}")
OF_NOTHING = hashlib.sha256(b"").hexdigest()
CLICK_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def hashed(value: str | None) -> str:
    """A hash as a cell, '' for none.

    Raises UserError for anything else, such as an address or the hash of nothing.
    """
    if value is None:
        return ""
    if not SHA256.fullmatch(value) or value == OF_NOTHING:
        raise UserError(
            "silver holds something else where a hash belongs: nothing is written; "
            "correct int_upload_hash, then run `o2r build`"
        )
    return value


def click_id(value: str | None) -> str:
    """A click id as a cell, '' for none and for what cannot be one."""
    return value if value and CLICK_ID.fullmatch(value) else ""


def words(value: str | None) -> str:
    """Text of a source as a cell that no spreadsheet takes for a formula."""
    text = value or ""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def amount(value: Decimal | None) -> str:
    """A number without exponent and without zeros at its end, '' for none."""
    if value is None:
        return ""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def csv_bytes(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as CSV in UTF-8, lines ended by a line feed."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def sha256(content: bytes) -> str:
    """SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def part_of(path: Path) -> Path:
    """Where a file is written before it takes its name."""
    return path.with_name(f".{path.name}.part")


def write_part(path: Path, content: bytes) -> None:
    """Write the content beside `path`, on disk when this returns; readable by its owner alone.

    Raises UserError when that fails; then nothing is left.
    """
    part = part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        try:
            with open(part, "wb", opener=_private) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror}): choose another --out") from None


def put_in_place(path: Path) -> None:
    """Give a part its name, in place of a file that has it; UserError when that fails."""
    try:
        part_of(path).replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UserError(
            f"cannot put {path} in its place ({error.strerror}): run the export again"
        ) from None


def holds(path: Path, checksum: str) -> bool:
    """Whether a file is there with this SHA-256."""
    try:
        return sha256(path.read_bytes()) == checksum
    except OSError:
        return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
