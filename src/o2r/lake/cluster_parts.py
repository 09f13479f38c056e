"""The parts of a Spark cluster of one's own: a master, workers, and the Thrift server for dbt.

Each is one process, which runs until it is told to end. `o2r lake cluster run` is one of them, in a
container or on a machine; `make cluster` starts all of them on this one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from o2r.errors import UserError
from o2r.settings import Settings

MASTER_PORT, PORT = 7077, 10000
CONF = {
    # What makes the numbers those of PostgreSQL (docs/scaling.md).
    "spark.sql.ansi.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.legacy.charVarcharAsString": "true",
    # What a killed server has left of a table is overwritten (location_clause in spark.sql).
    "spark.sql.legacy.allowNonEmptyLocationInCTAS": "true",
    # Spark 4.3 fuses unions into the code around them, and stops at some with ClassCastException.
    "spark.sql.codegen.wholeStage.union.enabled": "false",
    # A small company on one machine.
    "spark.sql.shuffle.partitions": "4",
    "spark.ui.enabled": "false",
}


@dataclass(frozen=True)
class Place:
    """Where a part runs.

    host, master: names or addresses by which the others reach this part and the master.
    cores, memory: of a worker; memory, such as 4g, also of the server's executor on each worker.
    """

    host: str
    master: str
    cores: int = 1
    memory: str = "1g"


def run(settings: Settings, part: str, place: Place) -> None:
    """Become this part of the cluster: master, worker or server.

    Raises UserError without Java or pyspark, and for an unknown part.
    """
    if part not in _COMMANDS:
        raise UserError(f"unknown part '{part}': choose from {', '.join(_COMMANDS)}")
    require()
    words = command(settings, part, place)
    folder(settings).mkdir(parents=True, exist_ok=True)
    os.chdir(folder(settings))
    os.execvpe(words[0], words, environment(part, place))


def command(settings: Settings, part: str, place: Place) -> list[str]:
    """What starts a part, in `folder` and with `environment`."""
    return _COMMANDS[part](settings, place)


def environment(part: str, place: Place) -> dict[str, str]:
    """Variables that a part needs; the server's memory is the driver's, too."""
    return os.environ | {
        "SPARK_HOME": str(_spark_home()),
        "SPARK_NO_DAEMONIZE": "1",
        "SPARK_LOCAL_HOSTNAME": place.host,
        "SPARK_DAEMON_MEMORY": "1500m" if part == "server" else "512m",
    }


def require() -> None:
    """Raise UserError without Java or pyspark."""
    if find_spec("pyspark") is None:
        raise UserError("Spark is not installed: run `uv sync --inexact --group cluster` first")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise UserError("Spark needs a Java runtime, 17 or newer, such as openjdk-17-jre-headless")


def folder(settings: Settings) -> Path:
    """Where the cluster keeps its tables, logs and files of the moment."""
    return settings.home / "spark"


def _master(_: Settings, place: Place) -> list[str]:
    return [
        *(str(_spark_home() / "bin" / "spark-class"), "org.apache.spark.deploy.master.Master"),
        *("--host", place.host, "--port", str(MASTER_PORT), "--webui-port", "0"),
    ]


def _worker(settings: Settings, place: Place) -> list[str]:
    return [
        *(str(_spark_home() / "bin" / "spark-class"), "org.apache.spark.deploy.worker.Worker"),
        *("--host", place.host, "--cores", str(place.cores), "--memory", place.memory),
        *("--webui-port", "0", "--work-dir", str(folder(settings) / "work"), _url(place)),
    ]


def _server(settings: Settings, place: Place) -> list[str]:
    own = folder(settings)
    conf = CONF | {
        "spark.driver.host": place.host,
        "spark.executor.memory": place.memory,
        "spark.sql.warehouse.dir": str(own / "warehouse"),
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={own / 'metastore'};create=true"
        ),
        "spark.local.dir": str(own / "scratch"),
    }
    return [
        *(str(_spark_home() / "bin" / "spark-submit"), "--master", _url(place)),
        *("--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"),
        *(word for key, value in conf.items() for word in ("--conf", f"{key}={value}")),
        "spark-internal",
        *("--hiveconf", f"hive.server2.thrift.port={PORT}"),
        *("--hiveconf", f"hive.server2.thrift.bind.host={place.host}"),
    ]


_COMMANDS: dict[str, Callable[[Settings, Place], list[str]]] = {
    "master": _master,
    "worker": _worker,
    "server": _server,
}


def _url(place: Place) -> str:
    return f"spark://{place.master}:{MASTER_PORT}"


def _spark_home() -> Path:
    return Path(str(find_spec("pyspark").submodule_search_locations[0]))
