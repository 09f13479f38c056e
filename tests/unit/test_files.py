"""Finding files and looking them over."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from o2r.bronze.files import find_files
from o2r.bronze.survey import survey
from o2r.errors import UserError


def one(path, data: bytes):
    path.write_bytes(data)
    return find_files(path)[0]


def test_names_tables_and_formats(tmp_path):
    for name in ("a.csv", "b__2026.ndjson.gz", "c/part-0.parquet", "c/_SUCCESS", ".x.csv", "r.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {file.name: (file.format, file.table_hints[:2]) for file in find_files(tmp_path)}
    assert found == {
        "a.csv": ("csv", ("a", tmp_path.name)),
        "b__2026.ndjson.gz": ("ndjson", ("b", tmp_path.name)),
        "c/part-0.parquet": ("parquet", ("part-0", "c")),
    }


@pytest.mark.parametrize(
    ("data", "regular"),
    [
        (b"a,b\n1,2\n", True),
        (b'a,b\n"x, ""y""\nz",2\n', True),
        (b'"a","b"\r\n"1",""\r\n', True),
        (b'a,b\n5" disk,2\n', False),
        (b'a,b\n1,"2\n', False),
        (b'a,b\n"1"x,2\n', False),
        (b"a,b\n\\.\n", False),
    ],
)
@pytest.mark.parametrize("block", [1, 2, 3, 1000])
def test_regular_csv_whatever_the_block_size(tmp_path, monkeypatch, data, regular, block):
    monkeypatch.setattr("o2r.bronze.survey.BLOCK", block)
    monkeypatch.setattr("o2r.bronze.survey.LONGEST_HEADER", data.index(b"\n") + 1)
    assert survey(one(tmp_path / "a.csv", data)).regular is regular


def test_checksum_is_of_the_content(tmp_path):
    plain = survey(one(tmp_path / "a.csv", b"a,b\n1,2\n"))
    zipped = survey(one(tmp_path / "a.csv.gz", gzip.compress(b"a,b\n1,2\n")))
    other = survey(one(tmp_path / "b.csv", b"a,b\n1,3\n"))
    assert plain.checksum == zipped.checksum != other.checksum


def test_header_with_mark_quotes_and_line_ends(tmp_path):
    data = b'\xef\xbb\xbf"a ",b\r\n1,2\r\n'
    look = survey(one(tmp_path / "a.csv", data))
    assert (look.names, look.start) == (["a", "b"], 11)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.ndjson", b"", "empty"),
        ("a.csv", b"\n", "no columns"),
        ("a.csv", b"\xef\xbb\xbf", "no columns"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "not UTF-8"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16-le"), "not UTF-8"),
        ("a.csv", b"caf\xe9,b\n1,2\n", "header is not UTF-8"),
        ("a.csv", b"a;b\n1;2\n", "semicolons"),
        ("a.csv", b"a\tb\n", "tabs"),
        ("a.csv", b"a,,c\n", "column 2 has no name"),
        ("a.csv", b"a,b,a\n", "two columns are named 'a'"),
        ("a.csv", b'"a,b\n', "header cannot be read"),
        ("a.csv.gz", b"a,b\n", "broken gzip"),
        ("a.csv.gz", gzip.compress(b"a,b\n" * 999, mtime=0)[:-12], "broken gzip"),
        ("a.ndjson", b"[1]\n{\n", "no line is a JSON object"),
        ("a.parquet", b"PAR1", "not a readable Parquet"),
    ],
)
def test_unusable_file_is_one_clear_line(tmp_path, name, data, message):
    file = one(tmp_path / name, data)
    with pytest.raises(UserError, match=message) as caught:
        survey(file)
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"a": [[1]]}), "column 'a' is of type list"),
        (pa.table({"a": [b"x"]}), "column 'a' is of type binary"),
        (pa.table({}), "no columns"),
    ],
)
def test_unusable_parquet(tmp_path, table, message):
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match=message):
        survey(find_files(tmp_path)[0])


def test_nothing_to_load(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        find_files(tmp_path / "none")
    with pytest.raises(UserError, match=r"holds no \.csv"):
        find_files(tmp_path)
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(UserError, match=r"not a \.csv"):
        find_files(tmp_path / "a.xlsx")
