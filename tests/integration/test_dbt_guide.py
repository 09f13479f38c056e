"""Every command of docs/dbt-guide.md, in its order, on the book's dataset."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.in_process import dbt_in_process
from tests.metrics.warehouse import frame
from typer.testing import CliRunner

from o2r.cli.main import app
from o2r.demo.datasets import load_dataset
from o2r.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "dbt-guide.md").read_text()
O2R = ".venv/bin/o2r "
COMMANDS = [
    line
    for block in re.findall(r"^```\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def reader(
    new_database: Callable[[], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A checkout of one's own beside the shared server."""
    settings = new_database()
    load_dataset("chapter12", settings)
    project = tmp_path_factory.mktemp("reader")
    for name in ("dbt", "database_scripts"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("target"))
    (project / ".o2r").symlink_to(settings.home)
    with pytest.MonkeyPatch.context() as patch, dbt_in_process():
        patch.setenv("O2R_PROJECT", str(project))
        patch.setenv("O2R_HOME", str(settings.home))
        patch.setenv("POSTGRES_DB", settings.database)
        patch.setenv("USER", "reader")
        patch.chdir(project)
        yield settings


def test_the_guide_has_commands_of_every_kind() -> None:
    verbs = {shlex.split(line)[2] for line in COMMANDS if line.startswith(f"{O2R}dbt ")}
    assert verbs >= {
        *("debug", "parse", "ls", "compile", "source", "seed", "run", "build", "retry", "test"),
        *("snapshot", "docs", "run-operation"),
    }
    assert len(COMMANDS) > 25


def test_every_command_of_the_guide_runs(reader: Settings) -> None:
    for line in COMMANDS:
        if line.startswith(O2R):
            words = [
                word.replace("$PWD", str(Path.cwd())) for word in shlex.split(line[len(O2R) :])
            ]
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, f"{line}\n{result.output}{result.exception}"
        else:
            done = subprocess.run(line, shell=True, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
    schemas = frame(
        reader, "select nspname from pg_namespace where nspname like 'dbt\\_%' order by 1"
    )["nspname"].tolist()
    assert "dbt_reader_mart_gold" in schemas
    assert "dbt_reader_snapshots" in schemas
    assert "dbt_ci_intermediate_silver" in schemas
