"""Check that models are written in the SQL that Postgres, DuckDB and Spark share.

It reads compiled models, which is what the engine would run. SQL that differs between engines comes
from `dbt/macros/engines`, whose forms are allowed in compiled SQL and forbidden in the model
files themselves.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rule:
    """A form of SQL that does not travel: how to find it, and what to write instead."""

    pattern: re.Pattern[str]
    instead: str


@dataclass(frozen=True)
class Finding:
    """One place that breaks a rule. `line` counts from 1."""

    path: Path
    line: int
    words: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: `{self.words}`: {self.instead}"


def _rule(pattern: str, instead: str, flags: int = re.IGNORECASE) -> Rule:
    return Rule(re.compile(pattern, flags), instead)


_CLOCK = _rule(
    r"\b(current_date|current_time|current_timestamp|localtime|localtimestamp|now\s*\(|"
    r"(clock|statement|transaction)_timestamp\s*\()",
    "models read no clock; join int_as_of",
)

# Applied to compiled SQL in which comments, literals and relation names are blanked out.
COMPILED_RULES = (
    _CLOCK,
    _rule(
        r"\btimestamptz\b|\btimestamp\s+with\s+time\s+zone\b|\bat\s+time\s+zone\b",
        "staging turns instants into naive UTC timestamps by the macro to_utc",
    ),
    _rule(r"\bto_char\s*\(", "keep dates as dates; format them in the dashboard"),
    _rule(
        r"\bextract\s*\(\s*(isodow|isoyear|dow|epoch)\b",
        "call the macros iso_dow, seconds_between or days_between",
    ),
    _rule(r"\bage\s*\(", "call the macro days_between"),
    _rule(r"\bmake_interval\s*\(", "write n * interval '1 minute'"),
    _rule(r"\b(numeric|decimal)\b(?!\s*\()", "give a precision: numeric(18, 6)"),
    _rule(r"\b(float|float4|real|double\s+precision)\b", "numeric(18, 6) or the macro type_double"),
    # Case matters: dbt's own macros write TEXT, which they translate for each engine.
    _rule(r"(?<=\bas )\s*text\b", "cast to varchar(n)", re.NOFLAG),
    _rule(r"::", "write cast(x as type)"),
    # Where they skip a null, least(100, points of what nobody measured) is 100.
    _rule(
        r"\b(least|greatest)\s*\(",
        "what a null does differs between engines; call the macros lesser or greater (null stays "
        "unknown), or lesser_known or greater_known",
    ),
    _rule(r"\blog\s*\(", "its base differs between engines; use ln"),
    _rule(r"\bdistinct\s+on\b", "rank with row_number() and keep the first"),
    _rule(r"\bqualify\b", "rank in a CTE and filter in the next"),
    _rule(r"\bpercentile_(cont|disc)\s*\(\s*array\b", "one percentile_cont per percentile"),
    _rule(r"\bconcat\s*\(", "null handling differs between engines; use concat_ws or ||"),
    _rule(r"!?~\*?", "use regexp_like"),
    _rule(r"\bsimilar\s+to\b", "use regexp_like"),
    _rule(r'"[^"]+"', "name columns in lower case without quotes"),
    _rule(r"\bgenerate_series\s*\(", "use dim_date or a cross join of digits"),
    _rule(r"\bunnest\s*\(|\barray\s*\[|\bstring_to_array\s*\(", "use lateral (select ...)"),
)

# Applied to model files as written: what only dbt/macros/engines may contain.
RAW_RULES = (
    _CLOCK,
    _rule(r"\btimezone\s*\(", "call the macro to_utc"),
    _rule(r"\bdate_part\s*\(", "call the macros iso_dow, iso_week or seconds_between"),
    _rule(r"\bfloat8\b", "call the macro type_double"),
    _rule(r"\b(sha256|sha2|encode|convert_to)\s*\(", "call the macro sha256_hex"),
    _rule(r"\binitcap\s*\(", "other engines know other words; call the macro title_case"),
    _rule(r"\bpercentile_cont\s*\(", "its last digit differs between engines; call percentile"),
    _rule(r"'NaN'", "no other engine has NaN among its numerics; call finite_numeric"),
    _rule(r"\b[lrb]trim\s*\([^()]*,", "the order of arguments differs; trim(trailing x from y)"),
    _rule(
        r"\bcast\s*\(\s*(-|[^()]*[*/])[^()]*\bas (integer|bigint)\s*\)",
        "Postgres rounds, Spark truncates: round or floor before the cast",
    ),
    _rule(
        r"\bas (integer|bigint)\s*\)\s*/(?!\s*(nullif\s*\(\s*)?cast)",
        "whole numbers divide to whole numbers on Postgres only: divide a numeric",
    ),
    # What is known from one day on would be told of all days before it.
    _rule(r"'(0\d{3}|1[0-8]\d\d|19[0-6]\d)-\d\d-\d\d", "a version holds from the day it was said"),
)

_UNPORTABLE_REGEX = _rule(r"\\[dDwWsS]", "spell the character class out: [0-9], [a-z]")
_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/|\{#.*?#\})|(?P<literal>'(?:[^']|'')*')"
    r'|(?P<relation>"[^"]+"(?:\."[^"]+"){1,2})',
    re.DOTALL,
)
_ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
_ORDER_END = re.compile(r"\b(limit|offset|fetch|rows|range|groups|union|except|intersect)\b", re.I)
_NULLS = re.compile(r"\bnulls\s+(first|last)\s*$", re.IGNORECASE)
_DISTINCT_CALL = re.compile(r"\b\w+\s*\(\s*distinct\b", re.IGNORECASE)


def check_compiled(path: Path, sql: str) -> list[Finding]:
    """Return what in the compiled SQL of one model does not run on every engine."""
    bare = _blank(sql, "comment", "literal", "relation")
    findings = list(_matches(path, bare, COMPILED_RULES))
    findings += _matches(path, _blank(sql, "comment", "relation"), (_UNPORTABLE_REGEX,))
    for start, words, instead in (*_unsettled_orders(bare), *_distinct_windows(bare)):
        findings.append(Finding(path, bare.count("\n", 0, start) + 1, words, instead))
    return sorted(findings, key=lambda finding: finding.line)


def check_raw(path: Path, sql: str) -> list[Finding]:
    """Return the engine-specific forms that a model file contains itself."""
    return list(_matches(path, _blank(sql, "comment"), RAW_RULES))


def _matches(path: Path, sql: str, rules: tuple[Rule, ...]) -> Iterator[Finding]:
    for rule in rules:
        for match in rule.pattern.finditer(sql):
            words = " ".join(match.group().split())
            yield Finding(path, sql.count("\n", 0, match.start()) + 1, words, rule.instead)


def _blank(sql: str, *kinds: str) -> str:
    """Replace tokens of these kinds by blanks, so that offsets and lines stay."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group()) if match.lastgroup in kinds else match.group()

    return _TOKEN.sub(blank, sql)


def _unsettled_orders(sql: str) -> Iterator[tuple[int, str, str]]:
    """Terms of an `order by` that leave open where nulls go; percentiles ignore nulls."""
    for match in _ORDER_BY.finditer(sql):
        if re.search(r"\bwithin\s+group\s*\(\s*$", sql[: match.start()], re.IGNORECASE):
            continue
        for start, term in _terms(sql, match.end()):
            if not _NULLS.search(term):
                words = " ".join(f"order by {term}".split())
                yield start, words, "say nulls first or nulls last"


def _terms(sql: str, start: int) -> Iterator[tuple[int, str]]:
    """Split the list that begins at `start` at its own commas, up to the end of the clause."""
    depth, begin, position = 0, start, start
    while position < len(sql):
        character = sql[position]
        if depth == 0 and (character in "),;" or _ORDER_END.match(sql, position)):
            yield begin + _indent(sql, begin), sql[begin:position].strip()
            if character != ",":
                return
            begin = position + 1
        depth += {"(": 1, ")": -1}.get(character, 0)
        position += 1
    yield begin + _indent(sql, begin), sql[begin:].strip()


def _indent(sql: str, start: int) -> int:
    return len(sql[start:]) - len(sql[start:].lstrip())


def _distinct_windows(sql: str) -> Iterator[tuple[int, str, str]]:
    """`count(distinct x) over (...)`, which neither engine has."""
    for match in _DISTINCT_CALL.finditer(sql):
        depth = 0
        for position in range(match.start(), len(sql)):
            depth += {"(": 1, ")": -1}.get(sql[position], 0)
            if depth == 0 and sql[position] == ")":
                after = re.match(r"\s*(filter\s*\([^)]*\)\s*)?over\b", sql[position + 1 :], re.I)
                if after:
                    words = " ".join(sql[match.start() : position + 1].split()) + " over"
                    yield match.start(), words, "aggregate in a CTE, then join"
                break


def check_project(dbt_dir: Path, compiled: Path) -> list[Finding]:
    """Check every model of the project against its compiled form below `compiled`.

    Raises SystemExit when a model has none, so that nothing passes unread.
    """
    findings = []
    for model in sorted((dbt_dir / "models").rglob("*.sql")):
        made = compiled / model.relative_to(dbt_dir)
        if not made.is_file():
            raise SystemExit(f"{model}: has no compiled SQL; is the model disabled?")
        findings += check_raw(model, model.read_text())
        findings += check_compiled(model, made.read_text())
    return findings
