"""Compile the dbt project once, without a server, and check what came out.

`python -m o2r.lint` prints one line per finding (`path: rule: what to do`) and the test and
description coverage of the marts.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from o2r.builds.packages import install_packages
from o2r.lint import portability
from o2r.lint.coverage import measure
from o2r.lint.manifest import Project
from o2r.lint.rules import check

# dbt asks the server whether an incremental model has a table. Here none has, so that it compiles
# as in a first build.
DBT_WITHOUT_SERVER = """
from dbt.adapters.postgres import PostgresAdapter
from dbt.cli.main import cli
PostgresAdapter.list_relations_without_caching = lambda self, schema: []
cli(prog_name="dbt")
"""


def compile_project(dbt_dir: Path, target: Path) -> None:
    """Compile every model into `target` without connecting to a server.

    Raises SystemExit with dbt's own words when a model does not compile, or YAML describes a model
    that does not exist.
    """
    command = [sys.executable, "-c", DBT_WITHOUT_SERVER, "--quiet", "--no-use-colors"]
    command += ["--warn-error-options", "{error: [NoNodeForYamlKey, NodeNotFoundOrDisabled]}"]
    command += ["compile", "--no-introspect", "--no-populate-cache", "--target-path", str(target)]
    command += ["--log-path", str(target / "logs"), "--project-dir", str(dbt_dir)]
    command += ["--profiles-dir", str(dbt_dir / "profiles")]
    offline = {"POSTGRES_HOST": "compile-only", "POSTGRES_USER": "nobody", "DBT_TARGET": "ci"}
    done = subprocess.run(command, env=os.environ | offline, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)


def main() -> int:
    """Compile and check the dbt project of the work folder; return the exit code."""
    dbt_dir = Path("dbt")
    install_packages(dbt_dir)
    with tempfile.TemporaryDirectory() as folder:
        compile_project(dbt_dir, Path(folder))
        findings = [
            str(x) for x in portability.check_project(dbt_dir, Path(folder) / "compiled" / "o2r")
        ]
        project = Project.read(Path(folder))
    coverage = measure(project)
    findings += [f"{dbt_dir}/{finding}" for finding in check(project)]
    for line in (*findings, *(f"{dbt_dir}/{gap}" for gap in coverage.gaps), coverage):
        print(line)
    return 0 if not findings and coverage.is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
