"""The text of a proposed mapping: YAML with its questions as comments beside them."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from o2r.bronze.mapping import QUESTION

HEAD = """\
# Proposed by `o2r map` from the headings of the files and their first rows; docs/tools.md.
# Answer every "?": a file with a question is not loaded. Lines behind a # are ideas, not facts.
# Then: o2r load FOLDER --mapping THIS_FILE --check
files:
"""
WORD = re.compile(r"[A-Za-z_][\w .*/-]*")
TAKEN = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}


@dataclass
class Draft:
    """An entry in the making.

    entry: what is certain, and "?" for what is asked.
    notes: path of a key -> what stands behind it as a comment.
    ideas: path of a key -> lines that may be, as comments.
    """

    file: str
    entry: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    ideas: dict[str, list[str]] = field(default_factory=dict)
    _about: set[str] = field(default_factory=set)

    @property
    def questions(self) -> int:
        """How many are open."""
        return str(self.entry).count(f"'{QUESTION}'")

    def put(self, key: str, value: Any, either: Iterable[str] = ()) -> None:
        """Say something; either: what it may be, where it is a question."""
        if isinstance(value, dict):
            self.entry[key] = self.entry.get(key, {}) | value
        elif isinstance(value, list):
            self.entry[key] = [*self.entry.get(key, []), *value]
        else:
            self.entry[key] = value
        if words := list(either):
            self.notes[key] = f"{' or '.join(words)}?"

    def ask(self, key: str, target: str, either: list[str], is_needed: bool) -> None:
        """Ask what a target is; what is not needed is an idea only."""
        self._about |= {one.strip("'\"") for one in either}
        words = ", ".join(either) if key in ("dates", "numbers") else " or ".join(either)
        if not is_needed:
            self.ideas.setdefault(key, []).append(f"{quoted(target)}: {words}?")
            return
        place = self.entry
        for part in key.split("."):
            place = place.setdefault(part, {})
        place[target] = QUESTION
        self.notes[f"{key}.{target}"] = f"{words}?" if words else "no column looks like it"

    def aside(self, name: str) -> None:
        """Name a column that fits nothing."""
        self.ideas.setdefault("ignore", []).append(f"- {quoted(name)}")

    def asked_about(self) -> set[str]:
        """Columns of the file that questions name."""
        return self._about


def quoted(text: str) -> str:
    """A text as YAML writes it, in quotes only where it needs them."""
    is_plain = WORD.fullmatch(text) and text.lower() not in TAKEN and text == text.strip()
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def render(drafts: list[Draft]) -> str:
    """The mapping file of some entries."""
    return HEAD + "".join(f"\n{_entry(draft)}" for draft in drafts)


def _entry(draft: Draft) -> str:
    lines = [f"  {quoted(draft.file)}:"]
    for key in dict.fromkeys((*draft.entry, *draft.ideas)):
        lines += _lines(draft, key, draft.entry.get(key), key, 4)
    return "\n".join(lines) + "\n"


def _lines(draft: Draft, key: str, value: Any, path: str, indent: int) -> list[str]:
    space = " " * indent
    note = f"  # {draft.notes[path]}" if path in draft.notes else ""
    ideas = [f"{space}  # {line}" for line in draft.ideas.get(path, [])]
    if isinstance(value, dict):
        inner = [
            line
            for name, one in value.items()
            for line in _lines(draft, name, one, f"{path}.{name}", indent + 2)
        ]
        return [f"{space}{quoted(key)}:", *inner, *ideas]
    if isinstance(value, list):
        return [f"{space}{quoted(key)}: [{', '.join(map(quoted, value))}]{note}", *ideas]
    if value is None:
        what = "  # fit nothing: map them above, or ignore them" if key == "ignore" else ""
        return [f"{space}# {key}:{what}", *ideas]
    return [f"{space}{quoted(key)}: {quoted(value)}{note}", *ideas]
