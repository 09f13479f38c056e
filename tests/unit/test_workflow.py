"""What the GitHub workflow calls exists: make targets, scripts, commands and their options."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from o2r.cli import app

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
SCRIPT = ROOT / ".ci" / "production-manifest"
FORWARDED = {"--exclude-resource-type"}
"""Options of `dbt build`, to which `o2r build` passes on what it does not know."""

GH = """#!/bin/sh
case "$2" in
list) [ -n "$RUN" ] || exit "${LIST_STATUS:-0}"; echo "$RUN" ;;
download) [ -n "$MANIFEST" ] || exit 1
    while [ "$1" != --dir ]; do shift; done
    mkdir -p "$2" && printf %s "$MANIFEST" > "$2/manifest.json" ;;
esac
"""


def steps() -> Iterator[dict]:
    for job in yaml.safe_load(WORKFLOW.read_text())["jobs"].values():
        yield from job["steps"]


def lines() -> list[list[str]]:
    """Commands of the workflow, split into words."""
    text = "\n".join(step.get("run", "") for step in steps())
    return [shlex.split(line) for line in text.splitlines()]


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {words[1] for words in lines() if words[:1] == ["make"]}
    assert called
    assert called <= targets


def test_scripts_exist_and_can_be_run():
    called = {words[0] for words in lines() if words and words[0].startswith(".ci/")}
    assert called == {".ci/run", ".ci/production-manifest"}
    assert all(os.access(ROOT / name, os.X_OK) for name in called)


def test_commands_and_their_options_exist():
    called = [words[1:] for words in lines() if words[:1] == [".venv/bin/o2r"]]
    assert {words[0] for words in called} == {"setup", "load", "build", "ci"}
    for words in called:
        command = typer.main.get_command(app)
        for word in words:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts}
        used = {option for word in words for option in re.findall(r"--[a-z-]+", word)}
        if command.name == "build":
            known |= FORWARDED
        assert used <= known, words


def test_the_manifest_that_main_uploads_is_the_one_fetched():
    (upload,) = (step for step in steps() if "upload-artifact" in step.get("uses", ""))
    script = SCRIPT.read_text()
    assert f"--workflow {WORKFLOW.name} " in script
    assert f"--name {upload['with']['name']} " in script
    folder, name = upload["with"]["path"].split("/")
    assert name == "manifest.json"
    assert [words for words in lines() if words[-2:] == ["--save-manifest", folder]]
    assert [words for words in lines() if words[:2] == [".ci/production-manifest", folder]]


def fetch(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with a `gh` that answers as the variables say."""
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    return subprocess.run(
        [SCRIPT, tmp_path / "state"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
    )


def manifest(commit: str) -> str:
    return json.dumps({"metadata": {"env": {"O2R_COMMIT": commit}}})


def test_the_manifest_of_the_last_run_is_fetched(tmp_path):
    done = fetch(tmp_path, RUN="7", MANIFEST=manifest("a" * 40))
    assert (done.returncode, done.stdout) == (0, f"commit={'a' * 40}\n")
    assert (tmp_path / "state" / "manifest.json").is_file()


def test_without_a_run_of_main_there_is_no_manifest(tmp_path):
    done = fetch(tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "main has never been built" in done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"LIST_STATUS": "1"},
        {"RUN": "7"},
        {"RUN": "7", "MANIFEST": "{"},
        {"RUN": "7", "MANIFEST": manifest("")},
        {"RUN": "7", "MANIFEST": manifest("a" * 40 + "-dirty")},
    ],
    ids=["no answer", "no artifact", "broken", "no commit", "changed files"],
)
def test_a_manifest_that_cannot_be_fetched_fails(tmp_path, variables):
    done = fetch(tmp_path, **variables)
    assert done.returncode != 0
    assert done.stdout == ""
