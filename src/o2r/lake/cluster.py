"""A Spark cluster on this machine, for trying it: a master, two workers and the Thrift server.

A supervisor starts again what has ended, as a service manager would: tables stay on disk, so a
build goes on after a lost worker, and can be run again after a lost server. Needs Java and the
group `spark`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from o2r.errors import UserError
from o2r.settings import Settings, load_settings

HOST, MASTER_PORT, PORT = "127.0.0.1", 7077, 10000
SECONDS_TO_START, SECONDS_TO_STOP, PAUSE = 240, 30, 2
WORKERS = ("worker-1", "worker-2")
CONF = {
    # What makes the numbers those of PostgreSQL (docs/scaling.md).
    "spark.sql.ansi.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.legacy.charVarcharAsString": "true",
    # A small company on one machine.
    "spark.sql.shuffle.partitions": "4",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "false",
}


def up(settings: Settings) -> str:
    """Start the cluster, or find it at work; return where its Thrift server listens.

    Raises UserError without Java or pyspark, and when it does not answer in time.
    """
    _require()
    folder = _folder(settings)
    if _supervisor(folder) is None:
        for port in (MASTER_PORT, PORT):
            if _answers(port):
                raise UserError(f"port {port} is in use: stop what listens there first")
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "supervisor.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "o2r.lake.cluster"],
                env=os.environ
                | {"O2R_PROJECT": str(settings.project), "O2R_HOME": str(settings.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        (folder / "supervisor.pid").write_text(f"{process.pid}")
    until = time.monotonic() + SECONDS_TO_START
    while not _answers(PORT):
        if time.monotonic() > until or _supervisor(folder) is None:
            raise UserError(f"the cluster does not answer: its logs are in {folder}")
        time.sleep(0.5)
    return f"{HOST}:{PORT}"


def down(settings: Settings) -> bool:
    """Stop the cluster; return False when none was running. Its tables stay."""
    folder = _folder(settings)
    supervisor = _supervisor(folder)
    if supervisor is None:
        return False
    started = [supervisor, *supervisor.children(recursive=True)]
    supervisor.terminate()
    _, left = psutil.wait_procs(started, timeout=SECONDS_TO_STOP)
    for process in left:
        process.kill()
    (folder / "supervisor.pid").unlink(missing_ok=True)
    return True


def warehouse(settings: Settings) -> Path:
    """Folder of the tables."""
    return _folder(settings) / "warehouse"


def supervise(settings: Settings) -> None:
    """Keep all parts of the cluster at work until SIGTERM."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    folder = _folder(settings)
    commands = _commands(settings)
    processes: dict[str, subprocess.Popen] = {}
    while not over.wait(PAUSE if processes else 0):
        for name, command in commands.items():
            if name not in processes or processes[name].poll() is not None:
                with (folder / f"{name}.log").open("ab") as log:
                    processes[name] = subprocess.Popen(
                        command,
                        env=_environment(),
                        cwd=folder,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                print(f"{time.strftime('%FT%T')} started {name}: {processes[name].pid}", flush=True)
    for process in processes.values():
        process.terminate()
    for process in processes.values():
        process.wait()


def _commands(settings: Settings) -> dict[str, list[str]]:
    """The command of each part, in the order in which they start."""
    home = _spark_home()
    spark_class, master = str(home / "bin" / "spark-class"), f"spark://{HOST}:{MASTER_PORT}"
    deploy, folder = "org.apache.spark.deploy", _folder(settings)
    derby = f"jdbc:derby:;databaseName={folder / 'metastore'};create=true"
    conf = CONF | {
        "spark.sql.warehouse.dir": str(warehouse(settings)),
        "spark.hadoop.javax.jdo.option.ConnectionURL": derby,
        "spark.local.dir": str(folder / "scratch"),
    }
    return {
        "master": [
            *(spark_class, f"{deploy}.master.Master"),
            *("--host", HOST, "--port", str(MASTER_PORT), "--webui-port", "0"),
        ],
        **{
            name: [
                *(spark_class, f"{deploy}.worker.Worker", "--host", HOST, "--cores", "1"),
                *("--memory", "1g", "--webui-port", "0", "--work-dir", str(folder / name), master),
            ]
            for name in WORKERS
        },
        "thrift": [
            *(str(home / "bin" / "spark-submit"), "--master", master, "--driver-memory", "1500m"),
            *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"),
            *(word for key, value in conf.items() for word in ("--conf", f"{key}={value}")),
            "spark-internal",
            *("--hiveconf", f"hive.server2.thrift.port={PORT}"),
            *("--hiveconf", f"hive.server2.thrift.bind.host={HOST}"),
        ],
    }


def _environment() -> dict[str, str]:
    return os.environ | {
        "SPARK_HOME": str(_spark_home()),
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_LOCAL_IP": HOST,
        "SPARK_DAEMON_MEMORY": "512m",
    }


def _require() -> None:
    if find_spec("pyspark") is None:
        raise UserError("Spark is not installed: run `uv sync --inexact --group spark` first")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise UserError("Spark needs a Java runtime, 17 or newer, such as openjdk-17-jre-headless")


def _spark_home() -> Path:
    return Path(str(find_spec("pyspark").submodule_search_locations[0]))


def _folder(settings: Settings) -> Path:
    return settings.home / "spark"


def _supervisor(folder: Path) -> psutil.Process | None:
    """The supervisor that was started for this folder, if it is at work."""
    try:
        found = psutil.Process(int((folder / "supervisor.pid").read_text()))
        is_it = "o2r.lake.cluster" in found.cmdline()
        return found if is_it and found.status() != psutil.STATUS_ZOMBIE else None
    except (OSError, ValueError, psutil.Error):
        return None


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


if __name__ == "__main__":
    supervise(load_settings())
