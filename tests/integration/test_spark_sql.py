"""All SQL of the project, as the Spark adapter writes it: no server is asked, none is there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp
from tests.in_process import DBT_DIR

from o2r.builds.packages import install_packages
from o2r.builds.run import RARELY

COMPILE = f"""{RARELY}
from unittest.mock import MagicMock
from dbt.adapters.spark import connections, impl
connections.hive = connections.ThriftState = connections.THttpClient = MagicMock()
impl.SparkAdapter.list_relations_without_caching = lambda *_: []
from dbt.cli.main import cli
cli(prog_name="dbt")
"""
"""The adapter without its driver, before a server with no tables."""
KNOWN_THERE = {"get", "weekday"}
"""Functions of Spark that sqlglot has no name for."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """SQL of every model and data test, by its file."""
    install_packages(DBT_DIR)
    target = tmp_path_factory.mktemp("spark")
    paths = ["--project-dir", DBT_DIR, "--profiles-dir", DBT_DIR / "profiles"]
    own = ["--target-path", target, "--log-path", target, "--no-populate-cache"]
    subprocess.run(
        [sys.executable, "-c", COMPILE, "--quiet", "compile", "--target", "spark", *paths, *own],
        env=os.environ | {"DBT_THREADS": "1"},
        check=True,
    )
    folder = target / "compiled" / "o2r"
    files = [path for path in folder.rglob("*.sql") if path.is_file()]
    found = {str(path.relative_to(folder)): path.read_text() for path in files}
    return {name: sql for name, sql in found.items() if sql.strip()}


def test_every_model_and_test_is_written_for_spark(compiled: dict[str, str]) -> None:
    models = {Path(name).stem for name in compiled if name.startswith("models/")}
    written = {path.stem for path in (DBT_DIR / "models").rglob("*.sql")}
    assert written - models == set()
    foreign = [f"{name}: {fault}" for name, sql in compiled.items() if (fault := _fault(sql))]
    assert not foreign, "\n".join(foreign)


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("select timezone('UTC', a) as b from t", "timezone"),
        ("select count(*) filter (where a from t", "Expecting )"),
        ("select distinct on (a) a, b from t", "distinct on"),
        ("select coalesce(a, 1) as a from t", ""),
    ],
)
def test_what_spark_does_not_know_is_named(sql: str, fault: str) -> None:
    assert fault in _fault(sql) if fault else not _fault(sql)


def _fault(sql: str) -> str:
    """Why Spark would not take the statement, empty if it would."""
    try:
        tree = sqlglot.parse_one(sql, read="spark")
        tree.sql(dialect="spark", unsupported_level=ErrorLevel.RAISE)
    except sqlglot.errors.SqlglotError as error:
        return str(error).splitlines()[0]
    if any(node.args.get("on") for node in tree.find_all(exp.Distinct)):
        return "distinct on"
    functions = {call.name.lower() for call in tree.find_all(exp.Anonymous)}
    return ", ".join(sorted(functions - KNOWN_THERE))
