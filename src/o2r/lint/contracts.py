"""Check the contracts of the bronze tables (`_sources.yml`) by name, without a server."""

import difflib
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from o2r.contracts import BOOKKEEPING, DECIMAL, NORMAL_FORMS, SCHEMA, TYPES
from o2r.yaml_files import read_yaml

FOLDS = {"lower": "lower", "upper": "upper", "initcap": "title"}
LONGEST_TABLE = 63 - len("_event_day")
IDENTIFIER = re.compile("[a-z][a-z0-9_]*")
SQL_WORD = re.compile("and|or|not|is|null|in|between|like|true|false|case|when|then|else|end")


def project_gaps(dbt_dir: Path) -> list[str]:
    """What is missing or wrong in the contracts of a dbt project, each with its file."""
    problems, told = [], {}
    for path in sorted(dbt_dir.glob("models/staging/*/_sources.yml")):
        data = read_yaml(path)
        problems += [f"{path}: {text}" for text in contract_gaps(data)]
        for table in [table["name"] for source in data["sources"] for table in source["tables"]]:
            if table in told:
                problems.append(f"{path}: {table} is described in {told[table]} too")
            told[table] = path
    return problems


def contract_gaps(data: Any) -> Iterator[str]:
    """Yield one message for each gap or mistake in the contracts of a `_sources.yml`."""
    for source in (data or {}).get("sources", []):
        if source.get("schema") != SCHEMA:
            yield f"{source['name']}: say schema: {SCHEMA}, where `o2r setup` makes its tables"
        for table in source.get("tables", []):
            yield from _table_gaps(table)


def _table_gaps(table: dict[str, Any]) -> Iterator[str]:
    place, meta = table["name"], table.get("config", {}).get("meta", {})
    columns = {column["name"]: column for column in table.get("columns", [])}
    if not IDENTIFIER.fullmatch(place) or len(place) > LONGEST_TABLE:
        yield f"{place}: name it in a-z, 0-9 and _, {LONGEST_TABLE} letters at most"
    if not table.get("description"):
        yield f"{place}: lacks a description"
    if meta.get("rows", "whole") not in ("whole", "change"):
        yield f"{place}.rows: whole or change, not {meta['rows']}"
    if not meta.get("business_key"):
        yield f"{place}.business_key: say which columns make a row one of its kind"
    named = {"business_key": meta.get("business_key", [])} | {
        key: [meta[key]] for key in ("partition_by_month", "event_column") if key in meta
    }
    for key, names in named.items():
        yield from (_no_column(f"{place}.{key}", x, columns) for x in names if x not in columns)
    for check in meta.get("checks", []):
        words = re.findall(r"\b[a-z_]\w*\b(?!\s*\()", re.sub("'[^']*'", "", check))
        for name in dict.fromkeys(words):
            if name not in columns and not SQL_WORD.fullmatch(name) and name not in TYPES:
                yield _no_column(f"{place}.checks", name, columns)
    for key, kinds in (("partition_by_month", TYPES[-1:]), ("event_column", ("date", *TYPES[-1:]))):
        kind = columns.get(meta.get(key), {}).get("data_type", kinds[0])
        if kind not in kinds:
            yield f"{place}.{key}: {meta[key]} is {kind}, not {' or '.join(kinds)}"
    names = [column["name"] for column in table.get("columns", [])]
    names += [column.name for column in BOOKKEEPING]
    names += [
        alias
        for column in columns.values()
        for alias in column.get("config", {}).get("meta", {}).get("aliases", [])
    ]
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{place}.{name}: the name of two columns, aliases and bookkeeping included"
    always = {*named["business_key"], *named.get("partition_by_month", [])}
    for name in always & columns.keys():
        if "required" in columns[name].get("config", {}).get("meta", {}):
            yield f"{place}.{name}.required: a column of the key is, leave it out"
    for column in columns.values():
        yield from _column_gaps(place, meta.get("business_key", []), column)


def _column_gaps(table: str, key: Collection[str], column: dict[str, Any]) -> Iterator[str]:
    place, meta = f"{table}.{column['name']}", column.get("config", {}).get("meta", {})
    data_type = str(column.get("data_type"))
    form, words = meta.get("normal_form"), meta.get("words", [])
    is_compared = column["name"] in key or words or "known_from" in meta
    if not IDENTIFIER.fullmatch(column["name"]):
        yield f"{place}: name it in a-z, 0-9 and _"
    if not column.get("description"):
        yield f"{place}: lacks a description"
    if data_type not in TYPES and not DECIMAL.fullmatch(data_type):
        yield f"{place}.data_type: {', '.join(TYPES)} or such as numeric(18,6), not {data_type}"
    if data_type == "text" and is_compared and form is None:
        yield f"{place}: say its normal_form: {', '.join(NORMAL_FORMS)}"
    elif form is not None and form not in NORMAL_FORMS:
        yield f"{place}.normal_form: {', '.join(NORMAL_FORMS)}, not {form}"
    if any(
        word != word.strip() or word != getattr(word, FOLDS.get(form, "strip"))() for word in words
    ):
        yield f"{place}: words not in their normal form"


def _no_column(place: str, name: str, columns: Collection[str]) -> str:
    close = difflib.get_close_matches(name, columns, n=1)
    return f"{place}: no column {name}" + (f", did you mean {close[0]}?" if close else "")
