"""What the GitHub workflows name exists: make targets, scripts, commands, options, files, DAGs."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer
import yaml

from o2r.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text())
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
SCRIPT = ROOT / ".ci" / "production-manifest"
COMPOSE_EXEC = ["docker", "compose", "exec"]
FORWARDED = {"build": {"--exclude-resource-type"}, "dbt": {"--static"}}
"""Options of dbt, to which these commands pass on what they do not know."""

GH = """#!/bin/sh
case "$2" in
list) [ -n "$RUN" ] || exit "${LIST_STATUS:-0}"; echo "$RUN" ;;
download) [ -n "$MANIFEST" ] || exit 1
    while [ "$1" != --dir ]; do shift; done
    mkdir -p "$2" && printf %s "$MANIFEST" > "$2/manifest.json" ;;
esac
"""


def jobs() -> Iterator[dict]:
    for workflow in WORKFLOWS.values():
        yield from workflow["jobs"].values()


def steps(workflow: str | None = None) -> Iterator[dict]:
    """Steps of one workflow, or of all."""
    for name, content in WORKFLOWS.items():
        if workflow in (None, name):
            for job in content["jobs"].values():
                yield from job.get("steps", [])


def lines(workflow: str | None = None) -> list[list[str]]:
    """Commands of one workflow, or of all, split into words; an escaped line end is none."""
    text = "\n".join(step.get("run", "") for step in steps(workflow)).replace("\\\n", " ")
    found = [shlex.split(line) for line in text.splitlines()]
    return [list(_without_variables(words)) for words in found]


def _without_variables(words: list[str]) -> list[str]:
    """The command behind `NAME=value NAME=value command`."""
    while words and re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    return words


def tracked() -> list[str]:
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {words[1] for words in lines() if words[:1] == ["make"]}
    assert called
    assert called <= targets


def test_scripts_exist_and_can_be_run():
    called = {words[0] for words in lines() if words and words[0].startswith(".ci/")}
    assert called == {f".ci/{path.name}" for path in (ROOT / ".ci").iterdir() if path.is_file()}
    assert all(os.access(ROOT / name, os.X_OK) for name in called)


def test_commands_and_their_options_exist():
    called = [words[1:] for words in lines() if words[:1] == [".venv/bin/o2r"]]
    called += [words[words.index("o2r") + 1 :] for words in lines() if words[:3] == COMPOSE_EXEC]
    assert {words[0] for words in called} >= {"setup", "load", "build", "ci", "dbt"}
    for words in called:
        command = typer.main.get_command(app)
        for word in words:
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
        assert command.name != "o2r", words
        known = {option for parameter in command.params for option in parameter.opts}
        used = {option for word in words for option in re.findall(r"--[a-z-]+", word)}
        known |= FORWARDED.get(command.name, set())
        assert used <= known, words


def test_options_of_scripts_exist():
    called = [words for words in lines() if words and words[0].endswith(".py")]
    assert called
    for words in called:
        declared = re.findall(r'add_argument\("(--[a-z]+)"', (ROOT / words[0]).read_text())
        assert {word for word in words if word.startswith("--")} <= set(declared), words


def test_dags_and_services_exist():
    dags = "".join(path.read_text() for path in (ROOT / "airflow" / "dags").glob("*.py"))
    started = {words[1] for words in lines() if words[:1] == [".ci/run_dag.py"]}
    assert started
    assert all(f'"{dag}"' in dags for dag in started)
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    entered = {words[words.index("o2r") - 1] for words in lines() if words[:3] == COMPOSE_EXEC}
    assert entered
    assert entered <= set(services)


def test_variables_read_from_the_settings_file_exist():
    text = "\n".join(step.get("run", "") for step in steps())
    names = re.findall(r"\^([A-Z_]+)=//p' \.env", text)
    assert names
    assert all(f"\n{name}=" in (ROOT / ".env.example").read_text() for name in names)


def test_path_filters_match_files():
    files = tracked()
    for name, workflow in WORKFLOWS.items():
        events = workflow[True]  # YAML 1.1 reads the key `on` as true
        for event in (event for event in events.values() if isinstance(event, dict)):
            for pattern in event.get("paths", []):
                assert any(fnmatch(file, pattern) for file in files), f"{name}: {pattern}"


def test_jobs_end_and_have_no_more_rights_than_they_need():
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {"contents": "read"}, name
        assert "concurrency" in workflow, name
    for job in jobs():
        assert "timeout-minutes" in job or "uses" in job
        rights = job.get("permissions", {})
        writing = {right for right, level in rights.items() if level == "write"}
        assert writing <= {"pages", "id-token"}
        if "uses" in job:
            assert (ROOT / job["uses"]).is_file()


def test_actions_are_pinned_and_leave_no_token_behind():
    used = [step for step in steps() if "uses" in step]
    assert used
    for step in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
        if step["uses"].startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_the_pages_that_are_published_are_those_that_are_built():
    [command] = [words for words in lines("docs.yml") if words[1:3] == ["site", "build"]]
    [upload] = [step for step in steps("docs.yml") if "pages-artifact" in step.get("uses", "")]
    assert upload["with"]["path"] == command[command.index("--out") + 1]


def test_owners_are_of_files_that_exist():
    text = (ROOT / ".github" / "CODEOWNERS").read_text()
    rules = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert all(len(rule) > 1 and rule[1].startswith("@") for rule in rules)
    files = tracked()
    for pattern, *_ in rules:
        prefix = pattern.removeprefix("/").removesuffix("*")
        assert any(file.startswith(prefix) for file in files), pattern


def test_every_domain_has_an_owner_of_its_own():
    """Those that dbt names: a group of dbt_project.yml that is not the analysts'."""
    project = yaml.safe_load((ROOT / "dbt" / "dbt_project.yml").read_text())
    owners = (ROOT / ".github" / "CODEOWNERS").read_text()
    for domain, settings in project["models"]["o2r"]["marts"].items():
        if isinstance(settings, dict) and settings.get("+group", "analytics") != "analytics":
            team = settings["+group"].replace("_", "-")
            assert re.search(rf"^/dbt/models/marts/{domain}/ +@\S+/{team}$", owners, re.MULTILINE)


def test_dependabot_watches_what_is_there():
    watched = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    files = {
        "uv": "uv.lock",
        "github-actions": ".github/workflows",
        "docker": "Dockerfile",
        "docker-compose": "docker-compose.yml",
    }
    assert {update["package-ecosystem"] for update in watched} == set(files)
    assert all((ROOT / update["directory"].lstrip("/")).is_dir() for update in watched)
    assert all((ROOT / file).exists() for file in files.values())


def test_the_manifest_that_main_uploads_is_the_one_fetched():
    """deploy.yml is a part of the run of ci.yml, so its artifact is found there."""
    (upload,) = (step for step in steps("deploy.yml") if "upload-artifact" in step.get("uses", ""))
    caller = WORKFLOWS["ci.yml"]["jobs"]["production"]
    assert caller["uses"] == "./.github/workflows/deploy.yml"
    assert set(caller["secrets"]) == set(WORKFLOWS["deploy.yml"][True]["workflow_call"]["secrets"])
    script = SCRIPT.read_text()
    assert "--workflow ci.yml " in script
    assert f"--name {upload['with']['name']} " in script
    folder, name = upload["with"]["path"].split("/")
    assert name == "manifest.json"
    assert [words for words in lines("deploy.yml") if words[-2:] == ["--save-manifest", folder]]
    assert [words for words in lines("deploy.yml") if words[-2:] == ["manifest", folder]]
    assert [words for words in lines("ci.yml") if words[:2] == [".ci/production-manifest", folder]]


def test_a_deployment_is_either_built_here_or_waited_for():
    """Each step that builds or stores has one condition; the run of the DAG names the commit."""
    conditions = {step.get("run"): step.get("if") for step in steps("deploy.yml")}
    building = [run for run, when in conditions.items() if when == "env.AIRFLOW_URL == ''"]
    waiting = [run for run, when in conditions.items() if when == "env.AIRFLOW_URL != ''"]
    assert [run.split()[1] for run in building] == ["publish"]
    assert [run.split()[0] for run in waiting] == [".ci/run_dag.py", ".venv/bin/o2r"]
    assert '--commit "$GITHUB_SHA"' in waiting[0]


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


def test_pull_requests_build_as_a_role_of_their_own():
    """Code of a pull request never sees the password of whoever builds production."""
    for name, job in (("ci.yml", "slim"), ("cleanup.yml", "schemas")):
        assert WORKFLOWS[name]["jobs"][job]["env"]["POSTGRES_USER"] == "o2r_ci", name
        text = json.dumps(WORKFLOWS[name]["jobs"][job])
        assert set(re.findall(r"secrets\.(\w*POSTGRES\w*)", text)) == {"POSTGRES_CI_PASSWORD"}
