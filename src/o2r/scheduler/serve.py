"""Start Airflow, stay with it, stop it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from psycopg2.errors import UndefinedTable

from o2r.errors import UserError
from o2r.scheduler import api
from o2r.scheduler.home import (
    USER,
    Folder,
    create_database,
    environment,
    folder_of,
    make_folder,
    metadata_database,
)
from o2r.scheduler.processes import (
    API_SERVER,
    OTHERS,
    Components,
    end,
    lock,
    noted,
    program,
    run,
)
from o2r.settings import Settings
from o2r.warehouse import connect, embedded, setup

SECONDS_TO_START = 240
SECONDS_TO_STOP = 120

Say = Callable[[str], None]


def serve(settings: Settings, port: int, say: Say) -> None:
    """Start Airflow and stay until Ctrl-C, SIGTERM or `stop`; then end all its processes.

    Where it runs already, say where and return. Raises UserError when it is not installed, the port
    is taken, or a part of it does not start or ends.
    """
    program()
    folder = make_folder(settings)
    with lock(folder) as is_ours:
        if not is_ours:
            _greet(folder, noted(folder)["port"], say)
            return
        end(folder)  # what a killed one has left
        _check_free(port)
        over = threading.Event()
        handlers = {
            number: signal.signal(number, lambda *_: over.set())
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            _serve(settings, folder, port, say, over)
        finally:
            end(folder)
            for number, handler in handlers.items():
                signal.signal(number, handler)


def stop(settings: Settings) -> bool:
    """Stop Airflow, also what a killed one has left; return False when nothing was running.

    Raises UserError when it does not stop.
    """
    folder = folder_of(settings)
    if not folder.processes.exists():
        return False
    with lock(folder) as is_ours:
        if is_ours:
            return end(folder)
    os.kill(noted(folder)["supervisor"], signal.SIGTERM)
    deadline = time.monotonic() + SECONDS_TO_STOP
    while time.monotonic() < deadline:
        with lock(folder) as is_ours:
            if is_ours:
                end(folder)  # nothing, unless the one who served was killed
                return True
        time.sleep(0.2)
    raise UserError(f"Airflow does not stop; its logs are in {folder.logs}")


def _serve(settings: Settings, folder: Folder, port: int, say: Say, over: threading.Event) -> None:
    """Prepare, start, wait until all is well, and then until it is over."""
    if settings.embedded:
        embedded.up(settings)
    setup(settings)
    create_database(settings)
    variables = environment(settings, folder, port)
    say("preparing Airflow's database")
    run(folder, variables, "db", "migrate")
    if over.is_set():
        return
    say("starting Airflow")
    components = Components(folder, variables, port)
    components.start(API_SERVER)
    if not _wait(components, over, lambda: api.answers(port)):
        return
    token = api.log_in(port, USER, folder.password())
    api.put_pools(port, token, settings.project / "airflow" / "pools.json")
    api.put_connection(port, token, settings)
    for name in OTHERS:
        components.start(name)
    if not _wait(components, over, lambda: api.is_healthy(port) and _is_parsed(settings)):
        return
    _greet(folder, port, say)
    while not over.wait(1):
        components.check_alive()
    say("stopping Airflow")


def _wait(components: Components, over: threading.Event, condition: Callable[[], bool]) -> bool:
    """Wait for a condition, as long as all components live; False when it is over before."""
    deadline = time.monotonic() + SECONDS_TO_START
    while not over.wait(1):
        components.check_alive()
        if condition():
            return True
        if time.monotonic() > deadline:
            raise UserError(
                f"Airflow is not ready after {SECONDS_TO_START} s; its logs are in "
                f"{components.folder.logs}"
            )
    return False


def _is_parsed(settings: Settings) -> bool:
    """Whether the dag-processor has read every DAG file, successfully or not."""
    files = {path.name for path in (settings.project / "airflow" / "dags").glob("*.py")}
    connection = connect(settings, database=metadata_database(settings), read_only=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select relative_fileloc from dag where not is_stale "
                "union select filename from import_error"
            )
            return files <= {name for (name,) in cursor.fetchall()}
    except UndefinedTable:
        return False
    finally:
        connection.close()


def _greet(folder: Folder, port: int, say: Say) -> None:
    """Say where Airflow is and how to log in."""
    say(f"Airflow: http://127.0.0.1:{port}  user {USER}  password {folder.password()}")
    say(f"logs: {folder.logs}; Ctrl-C or `make airflow-down` stops it")


def _check_free(port: int) -> None:
    """Raise UserError when something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UserError(
                f"port {port} is in use: name another one, make airflow AIRFLOW_PORT=8090"
            ) from None
