"""Whatever bronze accepts, every model survives; and staging judges keys and rows as the door does.

One database and one build: hypothesis draws the rows of every table from its contract, the loader
says which it accepts, and all of them are built at once, beside a company whose every number is as
large or as small as its contract allows, so that thousands of rows of a group are at the bound.
"""

import csv
import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from psycopg2 import sql
from tests.metrics.warehouse import execute, run_models

from o2r.bronze.loader import load
from o2r.contracts import SCHEMA, load_contracts
from o2r.synthetic import SimulationConfig, generate

ROOT = Path(__file__).parents[2]
CONTRACTS = load_contracts(ROOT / "dbt")
ROWS = 40  # per table
NOW = datetime.now(UTC)
COMPANY = SimulationConfig(
    end_date=NOW.date() - timedelta(days=1), accounts=15, weeks=16, events=9000
)
ODD = [
    "a",
    "b",
    " A ",
    "Ünïcode 😀",
    "a\u00a0",
    "a\tb",
    '",\n',
    "'; drop",
    "\\N",
    "NULL",
    "x" * 250,
]
MODELS = {
    re.search(r"(?:delivered\('\w+', |staged_requests\()'(\w+)'", path.read_text())[1]: path.stem
    for path in ROOT.glob("dbt/models/staging/*/stg_*.sql")
}


def texts(column):
    """Texts of a column: its words, what its seed knows, or anything, in any case and padded."""
    if column.words:
        known = list(column.words)
    elif column.known_from:
        known = column.known()
    elif column.bounds.bytes <= 250:
        return st.sampled_from(ODD)
    else:
        letters = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")
        return st.sampled_from(["", *ODD]) | st.text(letters, max_size=20)
    folds = st.sampled_from([str, str.upper, str.lower, " {} ".format])
    return st.builds(lambda word, fold: fold(word), st.sampled_from(known), folds)


def values(column):
    """Texts as a file would hold them, to the ends of what the contract allows and around now."""
    bounds, kind = column.bounds, column.data_type
    if kind == "text":
        found = texts(column)
    elif kind == "boolean":
        found = st.sampled_from(["true", "false"])
    elif kind in ("date", "timestamp", "timestamptz"):
        last = NOW + timedelta(days=bounds.days_after_load, hours=-1)
        days = [last, NOW, *(NOW - timedelta(days=n) for n in (0, 1, 2, 7, 8, 31, 40, 365, 800))]
        ends = [f"{bounds.min}", *(day.strftime("%Y-%m-%d") for day in days)]
        instants = [day.isoformat() for day in days if kind != "date"]
        found = st.sampled_from(ends + instants)
    else:
        step = "0.000001" if kind.startswith("numeric") else "1"
        around = [bounds.min, bounds.max, 0, step, f"-{step}", 1, 3, 5, 1000]
        found = st.sampled_from([str(value) for value in around])
    return found if column.required else st.none() | found


def drawn(contract):
    """Rows of one table (list of dicts), always the same ones."""
    rows = []

    @limits(max_examples=ROWS, derandomize=True, database=None, phases=[Phase.generate])
    @given(st.fixed_dictionaries({one.name: values(one) for one in contract.columns}))
    def collect(row):
        rows.append(row)

    collect()
    return rows


def at_the_bounds(contract):
    """SQL that puts every number of a table to its bound in one week, next to 0 in another."""
    numbers = [
        one for one in contract.columns if one.bounds.max and one.name not in contract.business_key
    ]
    moments = [one.name for one in contract.columns if one.data_type in ("date", "timestamptz")]
    if not numbers:
        return "select 1"
    week = f"(coalesce({moments[0]}::date, '2020-01-06') - date '2020-01-06') / 7" if moments else 0
    sets = [
        f"{one.name} = case mod({week}, 4) when 0 then {one.bounds.max} when 1 then 0 else "
        f"{'0.000001' if one.data_type.startswith('numeric') else 1} end"
        for one in numbers
    ]
    return f"update {SCHEMA}.{contract.table} set {', '.join(sets)}"


@pytest.fixture(scope="module")
def built(module_warehouse, tmp_path_factory):
    """A database with all that was accepted of every table, built in full."""
    company = tmp_path_factory.mktemp("company")
    generate(COMPANY, company)
    load(company, settings=module_warehouse)
    for contract in CONTRACTS.values():
        execute(module_warehouse, at_the_bounds(contract))
    folder = tmp_path_factory.mktemp("drawn")
    for contract in CONTRACTS.values():
        with (folder / f"{contract.table}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [one.name for one in contract.columns])
            writer.writeheader()
            writer.writerows(drawn(contract))
    accepted = {one.table: one.inserted for one in load(folder, settings=module_warehouse)}
    run_models(module_warehouse)
    return module_warehouse, accepted


def test_the_build_survives_whatever_bronze_accepts(built, query):
    warehouse, accepted = built
    assert {table for table, rows in accepted.items() if rows < 3} == set()
    left_out = {
        table: rows
        for table, rows in accepted.items()
        if table in MODELS
        if not query(warehouse, f"select count(*) from staging_silver.{MODELS[table]}")[0][0]
    }
    assert left_out == {}


def base(contract, mark):
    """One plain row of a table, every column filled, the days in the order of the columns."""
    row = {}
    for number, one in enumerate(contract.columns):
        day = f"2026-01-{number + 1:02}"
        plain = {"text": mark, "boolean": "true", "date": day}
        plain |= dict.fromkeys(("timestamp", "timestamptz"), f"{day} 00:00+00")
        row[one.name] = one.words[0] if one.words else plain.get(one.data_type, "1")
    if "closes_minute" in row:
        row["closes_minute"] = "2"  # after it opens
    return row


def inserted(contract, rows):
    """SQL that writes rows (dicts of texts) into bronze as another tool would."""
    names = [one.name for one in contract.columns]
    clock = itertools.count()
    return sql.SQL("insert into {} ({}, loaded_at) values {}").format(
        sql.Identifier(SCHEMA, contract.table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(
            sql.SQL("({}, now() + {} * interval '1 microsecond')").format(
                sql.SQL(", ").join(sql.Literal(row[name]) for name in names),
                sql.Literal(next(clock)),
            )
            for row in rows
        ),
    )


@pytest.mark.parametrize("table", sorted(MODELS.keys() - {"health_levels"}))  # keyed by a day
def test_staging_compares_keys_in_their_normal_form(built, query, table):
    warehouse, _ = built
    contract = CONTRACTS[table]
    rows, expected = [], 0
    for column in contract.columns:
        if column.name not in contract.business_key or column.data_type != "text":
            continue
        word = column.words[0] if column.words else f"aB {column.name}"
        forms = [word, f" {word} ", word.upper(), word.lower(), f"{word}\t", f"{word}\u00a0"]
        forms = forms[:4] if column.words else forms
        marked = base(contract, f"k {column.name}")
        rows += [marked | {column.name: form} for form in dict.fromkeys(forms)]
        normal = ", ".join(f"({column.normal('%s')})" for _ in forms)
        [(distinct,)] = query(
            warehouse, f"select count(distinct x) from (values {normal}) as forms (x)", forms
        )
        expected += distinct
    before = query(warehouse, f"select count(*) from staging_silver.{MODELS[table]}")[0][0]
    execute(warehouse, inserted(contract, rows))
    after = query(warehouse, f"select count(*) from staging_silver.{MODELS[table]}")[0][0]
    assert after - before == expected


@pytest.mark.parametrize("table", sorted(MODELS))
def test_staging_leaves_out_what_the_contract_forbids(built, query, table):
    warehouse, _ = built
    contract = CONTRACTS[table]
    rows = []
    for column in contract.columns:
        bounds, wrong = column.bounds, []
        if column.words:
            wrong.append("no such word")
        if bounds.bytes and column.name not in contract.business_key:
            wrong.append("x" * (bounds.bytes + 1))
        if bounds.max:
            wrong += [str(bounds.max + 1), str(bounds.min - 1)]
        if bounds.days_after_load:
            wrong += ["1999-12-31", "9999-12-31", "infinity", "0044-03-15 BC"]
        rows += [
            base(contract, f"bad {column.name} {n}") | {column.name: text}
            for n, text in enumerate(wrong)
        ]
    before = query(warehouse, f"select count(*) from staging_silver.{MODELS[table]}")[0][0]
    execute(warehouse, inserted(contract, rows))
    after = query(warehouse, f"select count(*) from staging_silver.{MODELS[table]}")[0][0]
    assert after == before
