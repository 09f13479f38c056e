"""dbt inside the test process: several commands then start, import and parse it once."""

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import PARTIAL_PARSE_FILE_NAME, extended_mashumuro_decoder

from o2r.builds import run as builds

ROOT = Path(__file__).resolve().parents[1]
PARSED: dict[tuple[str, ...], tuple[str, bytes]] = {}


@contextmanager
def dbt_in_process() -> Iterator[list]:
    """Let `o2r.builds.run.dbt` call dbt directly instead of starting a process.

    This repository's own dbt project is not parsed again for another database.
    Gives the list of results of the commands run (dbtRunnerResult), the newest last.
    """
    results = []

    def run(
        command: list[str], *, cwd: os.PathLike, env: dict[str, str], stdout, check: bool, pass_fds
    ):
        assert stdout is None
        assert not check
        with chdir(cwd), patch.dict(os.environ, env, clear=True):
            results.append(_invoke(command[3:]))
        if results[-1].success:
            return SimpleNamespace(returncode=0)
        return SimpleNamespace(returncode=1 if results[-1].exception is None else 2)

    with patch.object(builds, "subprocess", SimpleNamespace(run=run)):
        yield results


def _invoke(arguments: list[str]):
    """Run dbt on what an earlier run with the same target and variables has parsed, if any has."""
    if Path.cwd() != ROOT / "dbt" or "parse" in arguments:
        return dbtRunner().invoke(arguments)
    variables = arguments[arguments.index("--vars") + 1] if "--vars" in arguments else ""
    names = ("DBT_TARGET", "DBT_CI_SCHEMA", "O2R_GOLD_SUFFIX", "DBT_USER", "USER")
    key = (*(os.environ.get(name, "") for name in names), variables)
    database = os.environ["POSTGRES_DB"]
    if key in PARSED:
        return dbtRunner(_moved(*PARSED[key], database)).invoke(arguments)
    result = dbtRunner().invoke(arguments)
    parsed = Path(os.environ["DBT_TARGET_PATH"], PARTIAL_PARSE_FILE_NAME)
    if parsed.exists():
        PARSED[key] = database, parsed.read_bytes()
    return result


def _moved(database: str, parsed: bytes, other: str) -> Manifest:
    """The project as parsed for one database, for another."""
    manifest = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
    relations = [node.node_relation for node in manifest.semantic_models.values()]
    for node in (*manifest.nodes.values(), *manifest.sources.values(), *relations):
        node.database = other
        if node.relation_name:
            node.relation_name = node.relation_name.replace(f'"{database}".', f'"{other}".', 1)
    manifest.build_flat_graph()
    return manifest
