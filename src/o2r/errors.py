"""The one exception that a person using O2R is meant to read, and words for it."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something a user can put right. The message is one line: what, where, what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean x?' for the known word that looks most like this one, or nothing."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
