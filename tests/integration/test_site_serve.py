"""`o2r site serve` as its user runs it."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

COMMAND = [str(Path(sys.executable).with_name("o2r")), "site", "serve"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site of one page beside a file that is not part of it."""
    (tmp_path / "secret").write_text("no")
    site = tmp_path / "a site"
    site.mkdir()
    (site / "index.html").write_text("<title>Revenue</title>")
    return site


def test_pages_are_served_on_this_machine_until_ctrl_c(folder: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "--out", str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            said = server.stdout.readline()
            address = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)index\.html, until Ctrl-C\n", said)[
                1
            ]
            assert "Revenue" in httpx.get(address).text
            assert httpx.get(f"{address}%2e%2e/secret").status_code == 404
            server.send_signal(signal.SIGINT)
            assert server.communicate(timeout=10)[0] == "stopped\n"
        finally:
            server.kill()
    assert server.returncode == 0


def refusal(*arguments: str) -> str:
    """What a refused command says; one line, and an exit code that is not zero."""
    run = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    return run.stderr


def test_a_folder_without_a_site_is_refused(tmp_path: Path) -> None:
    assert "no site in" in refusal("--out", str(tmp_path))


def test_a_port_in_use_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on port {port}" in refusal("--out", str(folder), "--port", str(port))
