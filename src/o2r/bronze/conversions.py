"""SQL that turns the texts of a foreign file into those that the contracts want.

Every function takes and gives a text expression. What does not have the stated form is never
guessed: it comes out as something that the type of the column refuses, so that the row is
quarantined.
"""

import re
from collections.abc import Mapping

from psycopg2 import sql

PARTS = {"YYYY": r"(\d{4})", "MM": r"(\d{1,2})", "DD": r"(\d{1,2})"}
SAMPLE = re.compile(r"(\D*)1([.,' ]?)234([.,])56(\D*)")
BLANKS = " \t\u00a0\u202f"
OTHERS = "*"
"""Key of `values` for every value that has no line of its own."""


def check_date_form(form: str) -> str:
    """Return the form; ValueError unless it is YYYY, MM and DD once each, with separators."""
    if sorted(re.findall("[A-Za-z]+", form)) != sorted(PARTS) or not re.fullmatch(
        r"\w+([-/. ])\w+\1\w+", form
    ):
        raise ValueError(f"'{form}' is no form of a date: write it such as DD/MM/YYYY")
    return form


def check_number_sample(sample: str) -> str:
    """Return the sample; ValueError unless it shows 1234.56 in some form."""
    found = SAMPLE.fullmatch(sample)
    if not found or found[2] == found[3]:
        raise ValueError(f"'{sample}' is no form of a number: write 1234.56 as the file would")
    return sample


def date_text(value: sql.Composable, form: str) -> sql.Composable:
    """Dates of the form, with or without a time, as ISO 8601; every other text as it is."""
    order = re.findall("[A-Z]+", form)
    pattern = re.sub("[A-Z]+", lambda part: PARTS[part[0]], re.escape(form).replace(r"\ ", " "))
    found = sql.SQL("regexp_match(btrim({}), {})").format(
        value, sql.Literal(f"^{pattern}((?:[ T].*)?)$")
    )
    year, month, day = (sql.Literal(order.index(part) + 1) for part in ("YYYY", "MM", "DD"))
    return sql.SQL(
        "coalesce((select m[{year}] || '-' || lpad(m[{month}], 2, '0') || '-' "
        "|| lpad(m[{day}], 2, '0') || m[4] from (values ({found})) as found (m)), {value})"
    ).format(found=found, value=value, year=year, month=month, day=day)


def number_text(value: sql.Composable, sample: str) -> sql.Composable:
    """Numbers as in the sample, its currency sign optional, as PostgreSQL writes them.

    A blank is null. Any other text, another currency among it, becomes no number at all.
    """
    before, thousands, decimal, after = SAMPLE.fullmatch(sample).groups()
    group = f"[{BLANKS}]" if thousands == " " else re.escape(thousands)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if thousands else r"\d+"
    pattern = (
        rf"^([-+]?)[{BLANKS}]*{_optional(before)}[{BLANKS}]*([-+]?)({whole})"
        rf"(?:{re.escape(decimal)}(\d+))?[{BLANKS}]*{_optional(after)}[{BLANKS}]*$"
    )
    return sql.SQL(
        "case when btrim({value}, {blanks}) <> '' then coalesce((select m[1] || m[2] "
        "|| regexp_replace(m[3], '\\D', '', 'g') || coalesce('.' || m[4], '') "
        "from (values (regexp_match(btrim({value}, {blanks}), {pattern}))) as found (m)), "
        "'not readable') end"
    ).format(value=value, blanks=sql.Literal(BLANKS), pattern=sql.Literal(pattern))


def mapped(value: sql.Composable, values: Mapping[str, str | None]) -> sql.Composable:
    """The value's line in `values`, whatever its case and the blanks around it."""
    key = folded(value)
    lines = [
        sql.SQL("when {} = {} then {}").format(key, sql.Literal(one.lower()), sql.Literal(to))
        for one, to in values.items()
        if one != OTHERS
    ]
    other = sql.Literal(values.get(OTHERS))
    blank = sql.SQL("when {} = '' then null").format(key)
    return sql.SQL("case {} {} else {} end").format(sql.SQL(" ").join(lines), blank, other)


def folded(value: sql.Composable) -> sql.Composable:
    """What values are compared by: lower case, no blanks around; an empty text for null."""
    return sql.SQL("lower(coalesce(btrim({}, {}), ''))").format(value, sql.Literal(BLANKS))


def daily_part(value: sql.Composable) -> sql.Composable:
    """The share of one day in an amount, see o2r.bronze.shaping; the last day takes the rest."""
    return sql.SQL(
        "case when pg_input_is_valid({0}, 'numeric') and _days is not null then ("
        "case when _day_number = _days "
        "then {0}::numeric - (_days - 1) * round({0}::numeric / _days, 6) "
        "else round({0}::numeric / _days, 6) end)::text else {0} end"
    ).format(value)


def _optional(sign: str) -> str:
    sign = sign.strip(BLANKS)
    return f"(?:{re.escape(sign)})?" if sign else ""
