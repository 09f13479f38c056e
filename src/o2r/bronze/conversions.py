"""SQL that turns the texts of a foreign file into those that the contracts want.

Every function takes and gives a text expression. What does not have the stated form is never
guessed: it comes out as something that the type of the column refuses, so that the row is
quarantined.
"""

import json
import re
from collections.abc import Mapping, Sequence

from psycopg2 import sql

EPOCHS = {"epoch": (r"^\d{1,10}([.]\d+)?$", 1), "epoch_ms": (r"^\d{11,13}$", 1000)}
"""Instants as numbers since 1970, in UTC: what they look like, how many a second has."""
WHOLE = (
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV"),
    *("XAF", "XOF", "XPF"),
)
THOUSANDTHS = ("BHD", "JOD", "KWD", "OMR", "TND")
DISPUTED = ("ISK", "UGX")
"""Currencies whose smallest unit is not a hundredth, by https://docs.stripe.com/currencies; where
ISO 4217 and payment systems differ, an amount in it says nothing."""
PARTS = {"YYYY": r"(\d{4})", "MM": r"(\d{1,2})", "DD": r"(\d{1,2})"}
SAMPLE = re.compile(r"(\D*)1([.,' ]?)234([.,])56(\D*)")
BLANKS = " \t\u00a0\u202f"
OTHERS = "*"
"""Key of `values` for every value that has no line of its own; as a value, all of these as is."""
MANY = 50  # lines of values, from which on they are looked up instead of gone through


def check_date_form(form: str) -> str:
    """Return the form; ValueError unless it is YYYY, MM and DD once each, or one of EPOCHS."""
    if form in EPOCHS:
        return form
    if sorted(re.findall("[A-Za-z]+", form)) != sorted(PARTS) or not re.fullmatch(
        r"\w+([-/. ])\w+\1\w+", form
    ):
        raise ValueError(f"'{form}' is no form of a date: write it such as DD/MM/YYYY, or epoch")
    return form


def check_number_sample(sample: str) -> str:
    """Return the sample; ValueError unless it shows 1234.56 in some form."""
    found = SAMPLE.fullmatch(sample)
    if not found or found[2] == found[3]:
        raise ValueError(f"'{sample}' is no form of a number: write 1234.56 as the file would")
    return sample


def date_text(value: sql.Composable, form: str, *, is_day: bool = False) -> sql.Composable:
    """Dates of the form, with or without a time, as ISO 8601; every other text as it is.

    is_day: of an instant its day in UTC; so too of an instant in ISO 8601 among epochs.
    """
    if form in EPOCHS:
        return _epoch_text(value, form, is_day)
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


def _epoch_text(value: sql.Composable, form: str, is_day: bool) -> sql.Composable:
    pattern, per_second = EPOCHS[form]
    instant = "to_timestamp(btrim({value})::numeric / {per_second}) at time zone 'UTC'"
    if is_day:
        text = (
            f"case when btrim({{value}}) ~ {{pattern}} then ({instant})::date::text "
            "when {value} ~ '^\\d{{4}}-\\d\\d-\\d\\d[ T]' "
            "and pg_input_is_valid({value}, 'timestamptz') "
            "then (({value})::timestamptz at time zone 'UTC')::date::text else {value} end"
        )
    else:
        text = (
            f"case when btrim({{value}}) ~ {{pattern}} "
            f"then to_char({instant}, 'YYYY-MM-DD HH24:MI:SS.US+00') else {{value}} end"
        )
    return sql.SQL(text).format(
        value=value, pattern=sql.Literal(pattern), per_second=sql.Literal(per_second)
    )


def cents_text(value: sql.Composable, currency: sql.Composable) -> sql.Composable:
    """An amount in the smallest unit of its currency, in the currency; a blank is null."""
    return sql.SQL(
        "case when btrim({value}) <> '' then case when btrim({value}) ~ '^[-+]?\\d+([.]\\d+)?$' "
        "and upper(btrim({currency})) ~ '^[A-Z]{{3}}$' "
        "and upper(btrim({currency})) <> all({disputed}) then trim_scale({value}::numeric / "
        "case when upper(btrim({currency})) = any({whole}) then 1 "
        "when upper(btrim({currency})) = any({thousandths}) then 1000 else 100 end)::text "
        "else 'not readable' end end"
    ).format(
        value=value,
        currency=currency,
        whole=sql.Literal(list(WHOLE)),
        thousandths=sql.Literal(list(THOUSANDTHS)),
        disputed=sql.Literal(list(DISPUTED)),
    )


def json_path(value: sql.Composable, path: Sequence[str]) -> sql.Composable:
    """What stands at a path in a text of JSON, as text."""
    return sql.SQL("({}::jsonb #>> {}::text[])").format(value, sql.Literal(list(path)))


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
    is_kept = values.get(OTHERS) == OTHERS
    other = value if is_kept else sql.Literal(values.get(OTHERS))
    if len(values) > MANY:
        return _looked_up(value, {word: to for word, to in values.items() if word != OTHERS}, other)
    lines = [
        sql.SQL("when {} = {} then {}").format(key, sql.Literal(one.lower()), sql.Literal(to))
        for one, to in values.items()
        if one != OTHERS
    ]
    blank = sql.SQL("when {} = '' then null").format(key)
    return sql.SQL("case {} {} else {} end").format(sql.SQL(" ").join(lines), blank, other)


def _looked_up(
    value: sql.Composable, values: Mapping[str, str | None], other: sql.Composable
) -> sql.Composable:
    table = json.dumps({word.lower(): to for word, to in values.items()})
    return sql.SQL(
        "case when {table}::jsonb ? {key} then {table}::jsonb ->> {key} "
        "when {key} = '' then null else {other} end"
    ).format(table=sql.Literal(table), key=folded(value), other=other)


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
