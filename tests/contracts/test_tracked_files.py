"""No file is tracked that should not be: generated ones and secrets."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[abpr]-[A-Za-z0-9-]{10,}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\b[a-z][a-z0-9+]*://[^\s:/@{}$]+:(?!\*)[^\s/@{}$]{3,}@"
    r"|(?im:^\s*(?:export\s+)?[a-z0-9_]*(?:password|secret|token|api_?key)\s*[:=]\s*"
    r"['\"]?[a-z0-9+/_-]{8,}['\"]?\s*$)"
)


def git(*arguments: str) -> list[str]:
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments, "-z"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


def test_no_file_is_tracked_that_git_should_ignore() -> None:
    assert git("ls-files", "--cached", "--ignored", "--exclude-standard") == []


def test_no_secret_is_tracked() -> None:
    found = []
    for name in git("ls-files"):
        path = ROOT / name
        if name == "uv.lock" or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8", "ignore")
        found += [f"{name}: {match.group()[:20]}" for match in SECRET.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "ghp_" + "a1" * 18,
        "postgres://alice:" + "hunter22@db:5432/o2r",
        "POSTGRES_PASS" + "WORD=hunter2222",
        "  api_" + "key: 'abcdef123456'",
    ],
)
def test_secret_is_red(text: str) -> None:
    assert SECRET.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "POSTGRES_PASSWORD=",
        "password: \"{{ env_var('POSTGRES_PASSWORD', '') }}\"",
        "POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?}",
        "postgres://alice:${PASSWORD}@db",
        "input_tokens: int",
    ],
)
def test_reference_to_a_secret_passes(text: str) -> None:
    assert not SECRET.search(text)
