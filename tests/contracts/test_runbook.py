"""Every command of the runbook exists, and every advice of `o2r health` leads to a section."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from click import Context

from o2r.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
HEALTH = (ROOT / "src" / "o2r" / "health.py").read_text()
O2R = ".venv/bin/o2r "
COMMANDS = [
    line.removeprefix(O2R)
    for block in re.findall(r"^```\n(.*?)^```", RUNBOOK, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]
NAMED = re.findall(r"`o2r ([^`]+)`", RUNBOOK + HEALTH)


def parse(words: list[str]) -> None:
    """Let Typer read the words of a command without running it; raises when one is unknown."""
    command, context = typer.main.get_command(app), Context(typer.main.get_command(app))
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        if words[0] not in command.list_commands(context):
            raise AssertionError(f"no command {words[0]}")
        name, words = words[0], words[1:]
        command = command.get_command(context, name)
        context = Context(command, parent=context, info_name=name)
    command.make_parser(context).parse_args(words)


def test_the_runbook_has_commands() -> None:
    assert len(COMMANDS) > 12
    assert {shlex.split(line, comments=True)[0] for line in COMMANDS} >= {
        "health",
        "sql",
        "publish",
    }


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist(line: str) -> None:
    parse(shlex.split(line, comments=True))


@pytest.mark.parametrize("line", sorted(set(NAMED)))
def test_commands_in_the_text_exist(line: str) -> None:
    parse([line.replace("{kind}", "publish").split()[0]])


@pytest.mark.parametrize("line", ["repair", "publish --part", "ci tidy"])
def test_a_command_that_does_not_exist_is_red(line: str) -> None:
    with pytest.raises(Exception, match=r"repair|part|tidy"):
        parse(shlex.split(line))


def test_every_alert_has_its_section() -> None:
    sections = {title.lower() for title in re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)}
    named = set(re.findall(r"docs/runbook\.md, ([a-z ]+)", HEALTH))
    assert named
    assert named <= sections
    for alert in ("stale source", "failed test, failed publish", "quarantine growing", "disk"):
        assert alert in sections
