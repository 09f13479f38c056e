"""`make env`: secrets are made once, and nothing that `.env` says is changed."""

import base64
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "env_file.py", tmp_path / "tools")
    shutil.copy(ROOT / ".env.example", tmp_path)
    return tmp_path


def make(project: Path) -> str:
    script = project / "tools" / "env_file.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    return done.stdout


def values(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text().splitlines() if line and line[0] != "#")
    return dict(line.split("=", 1) for line in lines)


def secrets_of(project: Path) -> dict[str, str]:
    """Variables that .env.example leaves empty and `make env` does not."""
    example = values(project / ".env.example")
    return {k: v for k, v in values(project / ".env").items() if v and not example.get(k)}


def test_a_new_file_has_secrets_that_nobody_else_has_or_reads(project):
    printed = make(project)
    made, path = secrets_of(project), project / ".env"
    assert len(set(made.values())) == len(made)
    assert not any(value in printed for value in made.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(made["AIRFLOW_FERNET_KEY"])) == 32
    assert len(made["AIRFLOW_JWT_SECRET"]) >= 64
    assert made["METABASE_PASSWORD"][-1].isdigit()
    path.unlink()
    make(project)
    assert not set(made.values()) & set(secrets_of(project).values())


def test_a_new_file_keeps_the_comments_and_defaults(project):
    make(project)
    example = (project / ".env.example").read_text().splitlines()
    written = (project / ".env").read_text().splitlines()
    changed = {new.split("=")[0] for old, new in zip(example, written, strict=True) if old != new}
    assert changed == set(secrets_of(project))


def test_a_second_run_changes_nothing(project):
    make(project)
    before = (project / ".env").read_bytes()
    assert make(project) == ".env is complete: nothing was changed\n"
    assert (project / ".env").read_bytes() == before


def test_only_what_is_missing_is_added(project):
    path = project / ".env"
    path.write_text("# mine\nPOSTGRES_DB=sales\nAIRFLOW_DB_PASSWORD=kept\nPGADMIN_PASSWORD=\nX=1\n")
    printed = make(project)
    lines = path.read_text().splitlines()
    assert lines[:3] == ["# mine", "POSTGRES_DB=sales", "AIRFLOW_DB_PASSWORD=kept"]
    assert lines[3].startswith("PGADMIN_PASSWORD=")
    assert len(lines[3]) > len("PGADMIN_PASSWORD=")
    assert lines[4] == "X=1"
    assert set(values(path)) == {*values(project / ".env.example"), "X"}
    assert "POSTGRES_DB" not in printed
    assert "AIRFLOW_FERNET_KEY" in printed
    assert "PGADMIN_PASSWORD" in printed


def test_the_password_of_a_server_that_is_there_is_not_made_up(project):
    path = project / ".env"
    path.write_text("POSTGRES_HOST=db.example.com\nPOSTGRES_PASSWORD=\n")
    printed = make(project)
    assert values(path)["POSTGRES_PASSWORD"] == ""
    assert "POSTGRES_PASSWORD stays empty" in printed


def test_a_file_open_to_others_is_closed(project):
    make(project)
    (project / ".env").chmod(0o644)
    make(project)
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
