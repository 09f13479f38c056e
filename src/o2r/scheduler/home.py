"""Airflow's folder, its secrets, and the environment of its processes."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from psycopg2 import sql

from o2r.errors import UserError
from o2r.settings import Settings
from o2r.warehouse import connect, connection_parameters

USER = "admin"
MOST_TASKS = 4
"""Tasks that run at the same time, each in a process of its own."""


@dataclass(frozen=True)
class Folder:
    """Airflow's folder; nobody else may look into it."""

    path: Path

    @property
    def processes(self) -> Path:
        """Who serves, and the sessions of the processes it has started."""
        return self.path / "processes.json"

    @property
    def passwords(self) -> Path:
        """Where Airflow's simple auth manager looks for passwords."""
        return self.path / "simple_auth_manager_passwords.json.generated"

    @property
    def logs(self) -> Path:
        """Logs of the components; those of tasks are in a folder for each DAG."""
        return self.path / "logs"

    def log(self, name: str) -> IO[bytes]:
        """Open the log of a component."""
        return (self.logs / f"{name}.log").open("ab")

    def password(self) -> str:
        """Password of USER."""
        return json.loads(self.passwords.read_text())[USER]

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """A secret that is made once and kept in a file that only its owner may read."""
        file = self.path / f"{name}.secret"
        if not file.exists():
            write_private(file, make())
        return file.read_text()


def folder_of(settings: Settings) -> Folder:
    """The folder `airflow` in O2R_HOME, whether it is there or not."""
    return Folder(settings.home / "airflow")


def make_folder(settings: Settings) -> Folder:
    """The folder, created with the password of its user. Raises UserError when it cannot be."""
    folder = folder_of(settings)
    try:
        folder.logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot write to {folder.path} ({error.strerror}): set O2R_HOME to another folder"
        ) from None
    folder.path.chmod(0o700)
    if not folder.passwords.exists():
        write_private(folder.passwords, json.dumps({USER: secrets.token_urlsafe(12)}))
    return folder


def environment(settings: Settings, folder: Folder, port: int) -> dict[str, str]:
    """Variables of every process of Airflow, and so of its tasks."""
    url = f"http://127.0.0.1:{port}"
    configuration = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": MOST_TASKS,
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_FOLDER": settings.project / "airflow" / "dags",
        "CORE__DEFAULT_TIMEZONE": "utc",
        "CORE__FERNET_KEY": folder.secret(
            "fernet", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        ),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": _metadata_url(settings),
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__WORKERS": 1,
        "API__SECRET_KEY": folder.secret("api", lambda: secrets.token_urlsafe(48)),
        "API_AUTH__JWT_SECRET": folder.secret("jwt", lambda: secrets.token_urlsafe(64)),
        "LOGGING__BASE_LOG_FOLDER": folder.logs,
        "LOGGING__WORKER_LOG_SERVER_PORT": port + 1,
        "LOGGING__TRIGGER_LOG_SERVER_PORT": port + 2,
    }
    return {
        **{name: text for name, text in os.environ.items() if not name.startswith("AIRFLOW__")},
        "AIRFLOW_HOME": str(folder.path),
        **{f"AIRFLOW__{name}": str(value) for name, value in configuration.items()},
        "O2R_HOME": str(settings.home),
        "O2R_PROJECT": str(settings.project),
        "O2R_LANDING": str(settings.landing),
        "POSTGRES_DB": settings.database,
        "METABASE_URL": settings.metabase_url or "",  # the task `dashboards` looks at it
    }


def metadata_database(settings: Settings) -> str:
    """Name of the database of Airflow's own metadata, beside the warehouse."""
    return f"{settings.database}_airflow"


def _metadata_url(settings: Settings) -> str:
    found = connection_parameters(settings)
    who = quote(found["user"], safe="")
    if found["password"]:
        who += ":" + quote(found["password"], safe="")
    where = f"host={quote(found['host'], safe='')}&port={found['port']}"
    return f"postgresql+psycopg2://{who}@/{quote(metadata_database(settings))}?{where}"


def create_database(settings: Settings) -> None:
    """Create the database of the metadata unless it is there."""
    name = metadata_database(settings)
    connection = connect(settings, database="postgres", autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if not cursor.rowcount:
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    finally:
        connection.close()


def write_private(file: Path, text: str) -> None:
    """Replace a file at once; only its owner may read it."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(file)
