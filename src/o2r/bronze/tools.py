"""Mappings of known tools, which are shipped: src/o2r/bronze/tool_mappings/<tool>.yml.

The keys of their `files` are names of the tool's objects, without a suffix: `customers` is
customers.json, stripe_customers.csv and stripe/customers.jsonl.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from o2r.bronze.mapping import TOOLS, FileMapping, Mapping, read_mapping
from o2r.errors import UserError, nearest

ACCOUNTS = "account_ids"
"""File that says which account of one tool is which of another: `account_id`, and a column with the
own identifier of each tool."""


def tool_names() -> list[str]:
    """The tools whose exports are known."""
    return sorted(path.stem for path in TOOLS.glob("*.yml"))


def read_tool(tool: str) -> Mapping:
    """Read the mapping of a tool. Raises UserError for an unknown one."""
    if tool not in tool_names():
        raise UserError(
            f"--from {tool}: no such tool{nearest(tool, tool_names())}; known are "
            f"{', '.join(tool_names())}; write a mapping for others (`o2r map`)"
        )
    return read_mapping(TOOLS / f"{tool}.yml")


def read_mappings(mapping: Path | None, tools: Sequence[str], exported: str | None) -> Mapping:
    """One mapping of all: the own one first, then those of the tools.

    exported: day of the export, before the one of the own mapping.
    A file that two of the tools have under the same name is left aside, unless it stands in a
    folder named after its tool, or its name begins so.
    """
    own = read_mapping(mapping) if mapping else Mapping()
    found = {tool: read_tool(tool) for tool in dict.fromkeys(tools)}
    names = Counter(name for one in found.values() for name in one.files)
    files = dict(own.files)
    if tools:
        files.setdefault(ACCOUNTS, [FileMapping(skip="the other files look accounts up in it")])
    for tool, one in found.items():
        for name, entries in one.files.items():
            files |= {f"{tool}/{name}": entries, f"{tool}_{name}": entries}
    for one in found.values():
        for name, entries in one.files.items():
            who = " and ".join(tool for tool in found if name in found[tool].files)
            why = f"{who} have such a file: put it in a folder named after its tool"
            files.setdefault(name, entries if names[name] == 1 else [FileMapping(skip=why)])
    try:
        return Mapping(files=files, exported=exported or own.exported)
    except ValueError:
        raise UserError(f"--exported {exported}: write the day as YYYY-MM-DD") from None
