"""Typed settings, read once from the environment and from `.env` in the project folder."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from o2r.errors import UserError

MARKER = "database_scripts"


class Settings(BaseSettings):
    """Where the project, its files and its warehouse are.

    `home` holds everything O2R writes: the embedded server and the demo files. An empty value
    counts as unset, also where `.env` has one. With POSTGRES_HOST unset the warehouse is the
    embedded server, which is always entered as its superuser; POSTGRES_DB then still chooses the
    database. The three further passwords are those of o2r_loader, o2r_builder and o2r_ci, which
    `o2r setup` gives them (docs/access.md). `landing` is the folder that `o2r land` loads from.
    `as_of`: build as of the end of this day, None for the newest complete one. `lake`: folder or
    URL (s3://bucket/path) of the files that other engines read, None for a folder of `home`.
    Relative paths start at the project folder, that of `landing` at `home`. docs/metabase.md
    explains `metabase_*`.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    project: Path = Field(validation_alias="O2R_PROJECT")
    home: Path = Field(Path(".o2r"), validate_default=True, validation_alias="O2R_HOME")
    landing: Path = Field(Path("landing"), validate_default=True, validation_alias="O2R_LANDING")
    tcp_port: int | None = Field(None, ge=1, le=65535, validation_alias="O2R_PGPORT")
    host: str | None = Field(None, validation_alias="POSTGRES_HOST")
    port: int = Field(5432, ge=1, le=65535, validation_alias="POSTGRES_PORT")
    user: str = Field("postgres", validation_alias="POSTGRES_USER")
    password: SecretStr | None = Field(None, validation_alias="POSTGRES_PASSWORD")
    database: str = Field("o2r", validation_alias="POSTGRES_DB")
    loader_password: SecretStr | None = Field(None, validation_alias="POSTGRES_LOADER_PASSWORD")
    builder_password: SecretStr | None = Field(None, validation_alias="POSTGRES_BUILDER_PASSWORD")
    as_of: date | None = Field(None, validation_alias="O2R_AS_OF")
    lake: str | None = Field(None, validation_alias="O2R_LAKE")
    ci_password: SecretStr | None = Field(None, validation_alias="POSTGRES_CI_PASSWORD")
    metabase_url: str | None = Field(None, validation_alias="METABASE_URL")
    metabase_user: str | None = Field(None, validation_alias="METABASE_USER")
    metabase_password: SecretStr | None = Field(None, validation_alias="METABASE_PASSWORD")
    metabase_reader_password: SecretStr | None = Field(
        None, validation_alias="METABASE_READER_PASSWORD"
    )
    metabase_postgres_host: str | None = Field(None, validation_alias="METABASE_POSTGRES_HOST")
    metabase_postgres_port: int | None = Field(
        None, ge=1, le=65535, validation_alias="METABASE_POSTGRES_PORT"
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], /, **sources: PydanticBaseSettingsSource
    ) -> tuple[Callable[[], dict], ...]:
        """Let a variable that is set, even to nothing, hide the one of the same name in `.env`."""
        dotenv = sources["dotenv_settings"]
        return (
            sources["init_settings"],
            sources["env_settings"],
            lambda: {k: v for k, v in dotenv().items() if k.upper() not in os.environ},
        )

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path, info: ValidationInfo) -> Path:
        return (info.data["project"] / value.expanduser()).resolve()

    @field_validator("landing")
    @classmethod
    def _in_home(cls, value: Path, info: ValidationInfo) -> Path:
        return (info.data["home"] / value.expanduser()).resolve()

    @property
    def embedded(self) -> bool:
        """True when the warehouse is the server under `home`."""
        return self.host is None

    @property
    def server_dir(self) -> Path:
        """Data folder of the embedded server."""
        return self.home / "postgres"

    @property
    def demo_dir(self) -> Path:
        """Folder that `o2r generate` writes and `o2r load --dataset demo` reads."""
        return self.home / "demo"

    @property
    def dbt_dir(self) -> Path:
        """The dbt project."""
        return self.project / "dbt"

    @property
    def scripts_dir(self) -> Path:
        """Numbered SQL run by `o2r setup`."""
        return self.project / MARKER


def find_project() -> Path:
    """Return the O2R checkout: the one this code runs from, else the one around the work folder.

    Raises UserError when there is neither (O2R installed as a wheel, started elsewhere).
    """
    cwd = Path.cwd()
    for folder in (Path(__file__).resolve().parents[2], cwd, *cwd.parents):
        if (folder / MARKER).is_dir():
            return folder
    raise UserError(f"no O2R project in {cwd} or above: cd into the checkout or set O2R_PROJECT")


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` (field names) win over the environment.

    Raises UserError naming the variable that does not fit.
    """
    project = Path(overrides.get("project") or os.environ.get("O2R_PROJECT") or find_project())
    values = {**overrides, "project": project.resolve()}
    aliases = {Settings.model_fields[name].validation_alias: values[name] for name in values}
    try:
        return Settings(_env_file=project / ".env", **aliases)
    except ValidationError as error:
        problem = error.errors()[0]
        raise UserError(
            f"setting {problem['loc'][0]}: {problem['msg'].lower()}, not {problem['input']!r}; "
            "correct it in the environment or in .env"
        ) from None
