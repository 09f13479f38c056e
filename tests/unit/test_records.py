"""Reading CSV and NDJSON record by record: a bad line costs one row, and no more."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from o2r.bronze.records import csv_records, json_names, json_records


def read(text: str, width: int = 2) -> list:
    return list(csv_records(io.StringIO(text, newline=""), width))


def test_good_rows_blank_lines_and_line_ends():
    assert read("a,b\r\n\r\nc,\n") == [(None, ["a", "b"]), (None, ["c", ""])]


def test_quoted_newline_and_quote_stay_in_one_record():
    assert read('a,"b\nb ""x"""\nc,d\n') == [(None, ["a", 'b\nb "x"']), (None, ["c", "d"])]


def test_wrong_number_of_columns():
    assert read("a\nb,c,d\n") == [
        ("expected 2 columns, found 1", ["a"]),
        ("expected 2 columns, found 3", ["b,c,d"]),
    ]


def test_stray_quote_costs_its_own_row_only():
    assert read('a,"b\nc,d\ne,f\n') == [
        ("quotes do not balance", ['a,"b']),
        (None, ["c", "d"]),
        (None, ["e", "f"]),
    ]


def test_two_stray_quotes_do_not_swallow_what_lies_between():
    assert [problem for problem, _ in read('a,"b\nc,d\ne,"f\n')] == [
        "quotes do not balance",
        None,
        "quotes do not balance",
    ]


def test_inch_mark_is_text():
    assert read('a,5" disk\nb,6" disk\n') == [(None, ["a", '5" disk']), (None, ["b", '6" disk'])]


def test_foreign_bytes_and_nul_are_shown_escaped():
    text = b"caf\xe9,b\nn\0,c\n".decode("utf-8", "surrogateescape")
    assert read(text) == [
        ("not valid UTF-8", ["caf\\xe9,b"]),
        ("holds a NUL byte", ["n\\x00,c"]),
    ]


@given(
    st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2
        ).filter(any),
        max_size=20,
    )
)
def test_whatever_the_csv_module_writes_is_read_back(rows):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    assert read(buffer.getvalue()) == [(None, row) for row in rows]


@given(st.text('ab",\n\r', max_size=200))
def test_no_line_is_lost(text):
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="") if line.strip("\r\n")]
    letters = sorted("".join(lines).replace('"', "").replace(",", ""))
    found = "".join("".join(fields) for _, fields in read(text))
    assert sorted(letter for letter in found if letter in "ab") == letters


def test_json_values_are_text_as_written():
    line = '{"a": 1.10, "b": true, "c": null, "d": {"x": [1.5]}, "e": "é"}\n'
    assert json_names([line]) == ["a", "b", "c", "d", "e"]
    assert list(json_records([line], ["a", "b", "c", "d", "e", "f"])) == [
        (None, ["1.10", "true", None, '{"x": [1.5]}', "é", None])
    ]


def test_bad_json_lines():
    lines = ["\n", "{", "[1]\n", "null\n", '{"a": NaN}\n', '{"a": "\\u0000"}', '{"a": "\\ud800"}']
    assert [problem for problem, _ in json_records(lines, ["a"])] == [
        *["not a JSON object"] * 4,
        "holds a NUL byte",
        "not valid UTF-8",
    ]


def test_a_doubled_key_is_a_problem_at_any_depth():
    lines = ['{"a": 1, "b": 2, "a": 3}', '{"a": 1, "b": {"c": 1, "c": 1}}', '{"a": 1, "b": 2}']
    problems = [problem for problem, _ in json_records(lines, ["a", "b"])]
    assert problems == ["key 'a' is there twice", "key 'c' is there twice", None]
