"""docker/spark.yml over the stack: a Spark cluster whose parts find files and one another."""

import json
import os
import re
import subprocess
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.contracts.test_compose import DOCKERFILE, FILE, ROOT, TAG, compose_command, example
from typer.testing import CliRunner

from o2r.cli.main import app
from o2r.lake.cluster_parts import MASTER_PORT, PORT, command

OVER = ROOT / "docker" / "spark.yml"
PARTS = {"spark-master": "master", "spark-worker": "worker", "spark-server": "server"}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What Compose makes of both files, which it checks against its schema first."""
    home = tmp_path_factory.mktemp("compose")
    env_file = home / "env"
    env_file.write_text("".join(f"{name}={value or 'x'}\n" for name, value in example().items()))
    files = ["--env-file", env_file, "--file", FILE, "--file", OVER]
    done = subprocess.run(
        [*compose_command(), *files, "config", "--format", "json"],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)["services"]


def test_each_part_is_what_the_command_line_starts(services):
    hosts = {"spark-master", "spark-server"}
    for name, part in PARTS.items():
        words = services[name]["command"]
        with patch("o2r.lake.cluster_parts.run") as run:
            assert CliRunner().invoke(app, words[1:]).exit_code == 0, name
        settings, started, place = run.call_args.args
        assert (words[0], started) == ("o2r", part)
        assert (place.host if name in hosts else name) == name
        with patch("o2r.lake.cluster_parts._spark_home", return_value=Path("spark")):
            started_by = " ".join(command(settings, part, place))
        assert part == "master" or f"spark://spark-master:{MASTER_PORT}" in started_by
        assert part != "server" or "thrift.bind.host=spark-server" in started_by
        assert part != "server" or f"thrift.port={PORT}" in started_by
    assert services["spark-worker"]["scale"] == 2


def test_all_parts_and_the_builder_have_the_lake_in_the_same_place(services):
    mounted = {
        name: {(v["source"], v["target"]) for v in services[name]["volumes"]}
        for name in (*PARTS, "airflow-scheduler")
    }
    assert all(("o2r-home", "/var/lib/o2r") in volumes for volumes in mounted.values()), mounted
    assert "O2R_HOME=/var/lib/o2r" in DOCKERFILE
    assert services["airflow-scheduler"]["environment"]["SPARK_HOST"] == "spark-server"
    for name in ("airflow-scheduler", "airflow-dag-processor"):
        assert services[name]["environment"]["O2R_ENGINE"] == "spark"
        assert services[name]["environment"]["POSTGRES_HOST"] == "postgres"


def test_parts_are_pinned_supervised_closed_and_start_in_order(services):
    for name in PARTS:
        service = services[name]
        assert TAG.fullmatch(service["image"])
        assert re.search(rf"^FROM \S+ AS {service['build']['target']}$", DOCKERFILE, re.MULTILINE)
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"
        assert not {"ports", "user", "privileged"} & set(service)
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] == "service_healthy"
            assert "healthcheck" in services[other]
    assert set(services["spark-server"]["depends_on"]) == {"spark-worker"}
    assert "spark-server" in services["airflow-scheduler"]["depends_on"]
    images = {
        service["image"].partition(":")[2] for service in services.values() if "build" in service
    }
    assert len(images) == 1, images


def test_the_documents_name_the_file():
    assert f"-f {OVER.relative_to(ROOT)}" in (ROOT / "docs" / "scaling.md").read_text()
    assert "docker/spark.yml" in (ROOT / "docs" / "compose.md").read_text()
