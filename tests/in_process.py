"""dbt inside the test process, on what is parsed once: several commands then start it once.

dbt parses a project anew for another database, server, folder or as-of day, which takes longer than
most of what the tests do with it; what it has parsed of this repository is moved there instead.
"""

import fcntl
import gc
import hashlib
import os
import pprint
from argparse import Namespace
from collections.abc import Iterator
from contextlib import chdir, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import yaml
from dbt.adapters.contracts.connection import Credentials
from dbt.artifacts.resources import FileHash
from dbt.cli.main import dbtRunner
from dbt.config.runtime import load_profile
from dbt.contracts.graph.manifest import Manifest
from dbt.flags import set_from_args
from dbt.parser.manifest import (
    PARTIAL_PARSE_FILE_NAME,
    extended_mashumaro_encoder,
    extended_mashumuro_decoder,
)
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.context import set_invocation_context

from o2r.builds import run as builds
from o2r.builds.packages import install_packages
from o2r.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
DBT_DIR = ROOT / "dbt"
DATABASE, USER = "o2r_parsed", "o2r_parsed"
SCHEMA = f"dbt_{USER}"
"""Names that stand in what is parsed for those of the place to which it is moved."""
PARTS = ("analyses", "macros", "models", "seeds", "snapshots", "tests")
PARSED: dict[tuple[str, ...], bytes] = {}
"""What dbt has parsed, by project, target, suffix of gold and variables that count."""


@contextmanager
def dbt_in_process() -> Iterator[list]:
    """Let `o2r.builds.run.dbt` call dbt directly instead of starting a process.

    Gives a list with the result of the last command run (dbtRunnerResult).
    """
    results = []  # of the last one only: each holds the whole project

    def run(
        command: list[str], *, cwd: os.PathLike, env: dict[str, str], stdout, check: bool, pass_fds
    ):
        assert not check
        printing = nullcontext() if stdout is None else redirect_stdout(stdout)
        with chdir(cwd), patch.dict(os.environ, env, clear=True), printing:
            gc.disable()  # a look for garbage goes through all of dbt's thousands of nodes
            try:
                results[:] = [_invoke(command[3:])]
            finally:
                gc.enable()
        if results[-1].success:
            return SimpleNamespace(returncode=0)
        return SimpleNamespace(returncode=1 if results[-1].exception is None else 2)

    with (
        patch.object(builds, "subprocess", SimpleNamespace(run=run)),
        # reads the source of every function on the stack, to name the module that declares a flag
        patch.object(BehaviorFlagRendered, "_default_source", staticmethod(lambda: "dbt")),
    ):
        yield results


def put_parsed(
    settings: Settings, target: str = "prod", *, prefix: str | None = None, shadow: bool = False
) -> None:
    """Spare a dbt process that o2r will start from parsing its project for another database."""
    variables = builds.prepare(settings, target, prefix, shadow=shadow)
    with chdir(settings.dbt_dir), patch.dict(os.environ, variables):
        _put_file()


def _invoke(arguments: list[str]):
    """Run dbt on what has been parsed; a copy that was changed has to find out what it changes."""
    given = (
        yaml.safe_load(arguments[arguments.index("--vars") + 1]) if "--vars" in arguments else {}
    )
    variables = yaml.safe_dump(given, default_flow_style=True) if given else ""
    if "parse" not in arguments and _files(Path.cwd()) == _files(DBT_DIR):
        return dbtRunner(_moved(_parsed(DBT_DIR, variables))).invoke(arguments)
    if not variables:
        _put_file()
    return dbtRunner().invoke(arguments)


def _files(project: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file that dbt parses, which are those of the original."""
    return {
        str(path.relative_to(project)): (found.st_size, found.st_mtime_ns)
        for folder in ("dbt_project.yml", "packages.yml", *PARTS)
        for path in (project / folder, *(project / folder).rglob("*"))
        if path.is_file() and (found := path.stat())
    }


def _put_file() -> None:
    """Put the file by which dbt knows what it has parsed, unless there is one."""
    path = Path(os.environ["DBT_TARGET_PATH"], PARTIAL_PARSE_FILE_NAME)
    if path.exists():
        return
    own, files = Path.cwd(), _files(DBT_DIR)
    is_copy = len(files.items() & _files(own).items()) > len(files) / 2  # dbt parses the rest anew
    manifest = _moved(_parsed(DBT_DIR if is_copy else own, ""))
    connection = sorted(_credentials().connection_info())
    manifest.state_check.profile_hash = FileHash.from_contents(pprint.pformat(connection))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(manifest.to_msgpack(extended_mashumaro_encoder))


def _parsed(project: Path, variables: str) -> bytes:
    """What dbt has parsed of a project for the target of the environment, in no database."""
    key = (str(project), os.environ["DBT_TARGET"], os.environ["O2R_GOLD_SUFFIX"], variables)
    if key not in PARSED:
        folder = Path(os.environ["TESTS_PARSED"], hashlib.sha256(repr(key).encode()).hexdigest())
        folder.mkdir(exist_ok=True)
        with (folder / "lock").open("w") as lock:  # another worker may be about to parse it
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / PARTIAL_PARSE_FILE_NAME).exists():
                _parse(project, variables, folder)
        PARSED[key] = (folder / PARTIAL_PARSE_FILE_NAME).read_bytes()
    return PARSED[key]


def _parse(project: Path, variables: str, folder: Path) -> None:
    install_packages(project)
    nowhere = {"POSTGRES_DB": DATABASE, "DBT_USER": USER, "DBT_CI_SCHEMA": SCHEMA}
    command = ["--quiet", "parse", "--project-dir", str(project), "--target-path", str(folder)]
    with patch.dict(os.environ, nowhere):
        result = dbtRunner().invoke([*command, *(["--vars", variables] if variables else [])])
    assert result.success, result.exception


def _moved(parsed: bytes) -> Manifest:
    """The project as parsed, in the database, the schemas and the folder of now."""
    manifest = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
    to = _credentials()
    relations = [node.node_relation for node in manifest.semantic_models.values()]
    nodes = [*manifest.nodes.values(), *manifest.unit_tests.values(), *manifest.sources.values()]
    for node in nodes:
        node.schema = node.schema.replace(SCHEMA, to.schema, 1)
    for relation in relations:
        relation.schema_name = relation.schema_name.replace(SCHEMA, to.schema, 1)
    for one in (*nodes, *relations):
        if hasattr(one, "database"):
            one.database = to.database
        if getattr(one, "relation_name", None):
            name = one.relation_name.replace(f'"{DATABASE}".', f'"{to.database}".', 1)
            one.relation_name = name.replace(f'."{SCHEMA}', f'."{to.schema}', 1)
    for node in manifest.nodes.values():
        if node.resource_type == "seed":
            node.root_path = str(Path.cwd())
    manifest.build_flat_graph()
    return manifest


def _credentials() -> Credentials:
    """Where dbt is to connect to in the environment."""
    set_invocation_context(os.environ)
    set_from_args(Namespace(PROFILES_DIR=os.environ["DBT_PROFILES_DIR"]), None)
    return load_profile(str(DBT_DIR), {}).credentials
