"""dbt's exposures of the dashboards: made from the definitions, never written by hand."""

from __future__ import annotations

import os
import tempfile
import textwrap
from pathlib import Path

import yaml

from o2r.dashboards.definitions import Dashboard, Definitions
from o2r.dashboards.queries import tables
from o2r.errors import UserError

WIDTH = 120  # letters of a line
FILE = Path("models") / "exposures.yml"
"""Where they are in the dbt project."""

HEADER = """\
# Made from metabase/dashboards by `o2r dashboards write`, never by hand.
exposures:
"""


def models_of(board: Dashboard) -> list[str]:
    """Names of the marts that a dashboard reads, its filters too, sorted."""
    sql = [card.sql for card in board.cards]
    sql += [one.values for one in board.filters.values() if one.values]
    return sorted({name for statement in sql for name in tables(statement)})


def render(definitions: Definitions) -> str:
    """The YAML file of all exposures, one per dashboard, by key."""
    return HEADER + "\n".join(
        _exposure(board) for _, board in sorted(definitions.dashboards.items())
    )


def write(definitions: Definitions, dbt_dir: Path) -> bool:
    """Write the file, as a whole or not at all; return whether that changed it.

    Raises UserError when it cannot be written.
    """
    path, text = dbt_dir / FILE, render(definitions)
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return False
        handle, aside = tempfile.mkstemp(prefix=".exposures-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(aside).chmod(0o644)
            Path(aside).replace(path)
        finally:
            Path(aside).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror})") from None
    return True


def _exposure(board: Dashboard) -> str:
    read = ", ".join(f"ref('{name}')" for name in models_of(board))
    owner = f"{{name: {_scalar(board.owner.name)}, email: {_scalar(board.owner.email)}}}"
    lines = [
        f"  - name: {board.key}",
        f"    label: {_scalar(board.name)}",
        "    type: dashboard",
        f"    maturity: {board.maturity}",
        f"    description: {_scalar(' '.join(board.question.split()))}",
        f"    owner: {owner}",
        *textwrap.wrap(f"    depends_on: [{read}]", WIDTH, subsequent_indent=" " * 17),
    ]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """Text as YAML on one line, quoted where it must be; flow style, so that commas are."""
    return yaml.safe_dump([text], default_flow_style=True, width=10**6, allow_unicode=True)[1:-2]
