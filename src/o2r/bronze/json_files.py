"""JSON files: one object per line, an array, or documents that hold the list of rows in a key.

APIs answer in pages, `{"data": [...], "has_more": false}`, which people save as they are; all that
stands in a file is read, page after page, without ever holding more than a row of it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from o2r.bronze.files import BLOCK, DataFile, open_text
from o2r.errors import UserError


@contextmanager
def open_rows(
    file: DataFile, report: Callable[[int], None] | None = None
) -> Iterator[Iterator[str]]:
    """Open the texts of a file's rows: its lines, or the elements of its lists.

    Raises UserError, while they are read, where a document that spans lines is not JSON.
    """
    is_document = _is_document(file)
    with open_text(file, report) as lines:
        yield _Documents(lines, file).rows() if is_document else lines


def _is_document(file: DataFile) -> bool:
    with open_text(file) as lines:
        first = next((line.strip() for line in lines if line.strip()), "")
    if (first.startswith("[") and ".json" in file.path.suffixes) or first == "{":
        return True
    if file.records is None or not first.startswith("{"):
        return False
    try:
        return isinstance(json.loads(first).get(file.records), list)
    except (ValueError, RecursionError):
        return False


class _Documents:
    """Reads JSON documents from a stream piece by piece."""

    def __init__(self, stream: TextIO, file: DataFile) -> None:
        self._stream, self._file = stream, file
        self._text, self._at, self._is_read = "", 0, False
        self._decode = json.JSONDecoder().raw_decode
        self._rows = 0

    def rows(self) -> Iterator[str]:
        """Yield the text of each row."""
        while start := self._next():
            if start == "[":
                yield from self._elements()
            elif start == "{" and self._file.records:
                yield from self._listed()
            else:
                yield self._value()

    def _listed(self) -> Iterator[str]:
        """The rows of an object that holds them in a list."""
        self._take("{")
        is_found = False
        while self._next() != "}":
            key = json.loads(self._value())
            self._take(":")
            if key == self._file.records and self._next() == "[":
                is_found = True
                yield from self._elements()
            else:
                self._value()
            if self._next() != "}":
                self._take(",")
        self._take("}")
        if not is_found:
            raise UserError(
                f"{self._file.name}: a document has no list '{self._file.records}': export it "
                "anew, or one object per line"
            )

    def _elements(self) -> Iterator[str]:
        self._take("[")
        while self._next() != "]":
            yield self._value()
            self._rows += 1
            if self._next() != "]":
                self._take(",")
        self._take("]")

    def _next(self) -> str:
        """The next letter that is no blank; nothing at the end."""
        while True:
            while self._at < len(self._text):
                if not self._text[self._at].isspace():
                    return self._text[self._at]
                self._at += 1
            if not self._fill():
                return ""

    def _take(self, letter: str) -> None:
        if self._next() != letter:
            self._fail()
        self._at += 1

    def _value(self) -> str:
        """The text of the value that begins here."""
        self._next()
        while True:
            try:
                _, end = self._decode(self._text, self._at)
            except RecursionError:
                self._fail()
            except ValueError:
                end = None
            if end is not None and (end < len(self._text) or self._is_read):
                text, self._at = self._text[self._at : end], end
                return text
            if not self._fill() and end is None:
                self._fail()

    def _fill(self) -> bool:
        """Read on, so much that a long value is not looked at too often; False at the end."""
        left = self._text[self._at :]
        more = self._stream.read(max(BLOCK, len(left)))
        self._text, self._at, self._is_read = left + more, 0, not more
        return bool(more)

    def _fail(self) -> None:
        near = " ".join(self._text[self._at : self._at + 40].split())
        raise UserError(
            f"{self._file.name}: not JSON after {self._rows} rows, at '{near}': export it anew"
        ) from None
