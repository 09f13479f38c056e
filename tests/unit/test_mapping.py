"""From source columns to contract columns, and what is said when they do not fit."""

import json
from pathlib import Path

import pytest
from psycopg2.sql import SQL, Identifier

from o2r.bronze.columns import choose_table, resolve
from o2r.bronze.files import DataFile, fits
from o2r.bronze.mapping import FileMapping, Mapping, read_mapping
from o2r.contracts import Column, Contract
from o2r.errors import UserError


def column(name, *, required=False, aliases=()):
    return Column(name, "text", "", required, aliases=tuple(aliases))


CONTRACT = Contract(
    source="s",
    table="tickets",
    description="",
    columns=(column("ticket_id", required=True), column("csat", aliases=["score"]), column("note")),
    business_key=("ticket_id",),
    checks=(),
    partition_column=None,
)
FILE = DataFile(Path("in/tickets.csv"), "tickets.csv", "csv", ("tickets", "in"))


def sources(names, **mapping):
    return resolve(FILE, names, CONTRACT, FileMapping(**mapping))


def test_exact_name_alias_and_missing_optional_column():
    assert sources(["ticket_id", "score"]) == {
        "ticket_id": Identifier("ticket_id"),
        "csat": Identifier("score"),
        "note": SQL("null::text"),
    }


def test_mapping_wins_and_the_rest_maps_by_itself():
    found = sources(
        ["id", "note", "a", "b"],
        columns={"ticket_id": "id"},
        expressions={"csat": "a::int + 1"},
        ignore=["b"],
    )
    assert found == {
        "ticket_id": Identifier("id"),
        "csat": SQL("(a::int + 1)::text"),
        "note": Identifier("note"),
    }


@pytest.mark.parametrize(
    ("names", "mapping", "message"),
    [
        (["csat"], {}, "required column 'ticket_id' of tickets is missing"),
        (["ticket_id", "nota"], {}, r"unknown column 'nota'.*did you mean 'note'\?.*--mapping"),
        (["ticket_id", "csat", "score"], {}, "unknown column 'score'"),
        (
            ["ticket_id"],
            {"columns": {"csat": "x"}},
            "takes csat from 'x', which is not in the file",
        ),
        (["ticket_id"], {"expressions": {"csta": "1"}}, r"fills 'csta'.*did you mean 'csat'"),
    ],
)
def test_misfit_is_one_clear_line(names, mapping, message):
    with pytest.raises(UserError, match=message) as caught:
        sources(names, **mapping)
    assert "tickets.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_table_by_mapping_name_or_folder():
    contracts = {"tickets": CONTRACT}
    assert choose_table(FILE, FileMapping(), contracts) is CONTRACT
    part = DataFile(Path("x"), "tickets/part-0.parquet", "parquet", ("part-0", "tickets"))
    assert choose_table(part, FileMapping(), contracts) is CONTRACT
    with pytest.raises(UserError, match="no bronze table is named 'ticket'"):
        choose_table(FILE, FileMapping(table="ticket"), contracts)


def test_entry_by_name_or_pattern():
    mapping = Mapping(files={"tick*.csv": FileMapping(table="tickets")})
    assert [entry.table for entry in mapping.of(FILE)] == ["tickets"]
    assert mapping.of(DataFile(Path("other.csv"), "other.csv", "csv", ())) == [FileMapping()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("files: {a.csv: {tabel: x}}", "files > a.csv > tabel: extra inputs"),
        ("files: [", "not valid YAML"),
        ("files: {a.csv: {columns: {x: y}, expressions: {x: z}}}", "both columns and expressions"),
        ("- 1", "top level"),
        ("files: {a.csv: {dates: {x: DD/MM}}}", "files > a.csv > dates > x: .*write it such as"),
        ("files: {a.csv: {numbers: {x: 12}}}", r"numbers > x: .*write 1234\.56 as the file would"),
        ("files: {a.csv: {values: {x: {A: 1, a : 2}}}}", "two lines differ only in case"),
        ("files: {a.csv: {dates: {x: DD/MM/YYYY}, values: {x: {a: b}}}}", "both dates and values"),
        ("files: {a.csv: {separator: ':'}}", "separator: input should be"),
        (
            "files:\n  a.csv:\n    expressions:\n      x: coalesce(a::jsonb #>> '{b}', c)\n",
            "parentheses do not balance in `coalesce\\(a::jsonb`: in yaml a # after a blank",
        ),
        ("files: {a.csv: [{table: x}, {}]}", "each of its entries needs a table"),
        ("files: {a.csv: [{table: x}, {tabel: y}]}", "files > a.csv > entry 2 > tabel: extra"),
        ("files: {a.csv: [{table: x}, {table: y, separator: ;}]}", "differ in separator"),
    ],
)
def test_bad_mapping_file(tmp_path, text, message):
    path = tmp_path / "m.yml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)


def test_missing_mapping_file(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_mapping(tmp_path / "none.yml")


def test_an_entry_of_the_old_words_has_the_old_checksum():
    """Files that were loaded, or taken back, before a word came are known again."""
    old = {"table", "separator", "encoding", "columns", "expressions", "constants", "dates"}
    old |= {"numbers", "values", "where", "each_day", "ignore"}
    entry = FileMapping(each_day={"from": "a", "to": "b", "date": "c"})
    assert set(json.loads(entry.model_dump_json())) == old
    assert set(entry.model_dump()["each_day"]) == {"first", "last", "format", "date", "amounts"}
    assert "cents" in FileMapping(cents={"amount": "currency"}).model_dump()


@pytest.mark.parametrize(
    ("each_day", "message"),
    [
        ({"from": "a"}, "say to once: as a column, expressions or span"),
        ({"from": "a", "to": "b", "span": "month"}, "say to once"),
        ({"from": "a", "expressions": {"from": "x"}, "to": "b"}, "say from once"),
    ],
)
def test_a_span_is_told_once(each_day, message):
    with pytest.raises(ValueError, match=message):
        FileMapping(each_day=each_day | {"date": "c"})


@pytest.mark.parametrize(
    ("name", "pattern", "is_meant"),
    [
        ("customers.json", "customers", True),
        ("customers__2026-11.jsonl.gz", "customers", True),
        ("stripe/customers.csv", "stripe/customers", True),
        ("stripe/customers.csv", "customers", True),
        ("customers/part-0.parquet", "customers", True),
        ("old_customers.csv", "customers", False),
        ("customers.csv", "customers*.json", False),
    ],
)
def test_a_file_is_meant_by_its_name_without_suffix(name, pattern, is_meant):
    assert fits(DataFile(Path("in") / name, name, "csv", ()), pattern) == is_meant
