"""`o2r site serve`: the folder over HTTP, on this machine only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from o2r.errors import UserError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Requests are not written to the terminal."""


def serve(folder: Path, port: int, say: Callable[[str], None]) -> None:
    """Serve a site on 127.0.0.1 until Ctrl-C; port 0 takes a free one.

    Raises UserError when there is no site in the folder or the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise UserError(f"no site in {folder}: run `o2r site build`")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise UserError(
            f"cannot listen on port {port} ({error.strerror}): choose another with --port"
        ) from None
    say(f"http://127.0.0.1:{server.server_port}/index.html, until Ctrl-C")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("stopped")
    finally:
        server.server_close()
