"""Settings come from the environment and `.env`; what is wrong is named."""

from pathlib import Path

import pytest

from o2r.errors import UserError
from o2r.settings import find_project, load_settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "database_scripts").mkdir()
    return tmp_path


def test_defaults_are_the_embedded_server_under_the_project(project):
    settings = load_settings(project=project)
    assert settings.embedded
    assert settings.home == project / ".o2r"
    assert settings.database == "o2r"
    assert settings.port == 5432


def test_env_file_is_read_and_the_environment_wins(project, monkeypatch):
    (project / ".env").write_text("POSTGRES_HOST=db\nPOSTGRES_PORT=6000\nOTHER=1\n")
    monkeypatch.delenv("POSTGRES_HOST")
    monkeypatch.setenv("POSTGRES_PORT", "7000")
    settings = load_settings(project=project)
    assert (settings.host, settings.port, settings.embedded) == ("db", 7000, False)


def test_empty_variable_counts_as_unset_and_hides_env_file(project, monkeypatch):
    (project / ".env").write_text("POSTGRES_HOST=db\nPOSTGRES_USER=\n")
    monkeypatch.setenv("POSTGRES_HOST", "")
    settings = load_settings(project=project)
    assert settings.host is None
    assert settings.user == "postgres"


def test_relative_home_starts_at_the_project(project, monkeypatch):
    monkeypatch.setenv("O2R_HOME", "data/o2r")
    assert load_settings(project=project).home == project / "data/o2r"


def test_password_is_not_shown(project, monkeypatch):
    monkeypatch.setenv("POSTGRES_PASSWORD", "s3cret")
    settings = load_settings(project=project)
    assert "s3cret" not in repr(settings)
    assert settings.password.get_secret_value() == "s3cret"


@pytest.mark.parametrize(("name", "value"), [("POSTGRES_PORT", "abc"), ("O2R_PGPORT", "70000")])
def test_bad_value_is_named(project, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"setting {name}: .*{value}"):
        load_settings(project=project)


def test_project_of_this_code_is_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert (find_project() / "pyproject.toml").is_file()
