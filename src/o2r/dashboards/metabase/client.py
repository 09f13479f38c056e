"""Metabase's REST API: one session, errors a person can act on, writes that are counted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests

from o2r.errors import UserError

OLDEST = 58
"""The least major version: the first whose API the official command-line tool speaks."""
SECONDS_TO_ANSWER = (10, 120)
"""To connect, and to answer; a query of a card is the longest."""
PAUSE = 1.0
"""Seconds between two questions whether it is ready."""
PAGE = 500
SITE = "O2R"
Json = dict[str, Any]
NEW_SERVER: Json = {
    "database": {"data": []},
    "permissions/group": [{"id": 1, "name": "All Users"}],
    "permissions/graph": {"revision": 0, "groups": {}},
    "collection/graph": {"revision": 0, "groups": {"1": {"root": "write"}}},
}
"""What a server says when nobody has set it up: it answers no one, so a dry run reads this."""


class Metabase:
    """A server that one has logged in to.

    changes:  what was written, in words, in order.
    is_new:   nobody had set it up before.
    dry_run:  nothing is written; a thing that would have been made gets an id below 0.
    say:      gets each change as it is made.
    secrets:  what must not be in any message.
    """

    def __init__(
        self,
        url: str,
        *,
        dry_run: bool = False,
        say: Callable[[str], None] = lambda _: None,
        secrets: tuple[str, ...] = (),
    ) -> None:
        if not re.match(r"https?://[^/]", url):
            raise UserError("METABASE_URL must start with http:// or https://")
        self.url = url.rstrip("/")
        self.dry_run = dry_run
        self.changes: list[str] = []
        self.is_new = False
        self.say = say
        self._secrets = [secret for secret in secrets if secret]
        self._http = requests.Session()

    def properties(self, wait: float) -> Json:
        """What the server says of itself, once it is ready; waits so many seconds for it.

        Raises UserError when it does not get ready, or is too old.
        """
        deadline = time.monotonic() + wait
        while reason := self._not_ready():
            if time.monotonic() >= deadline:
                raise UserError(
                    f"Metabase at {self.url} {reason}: check METABASE_URL, or give it more time "
                    "with --wait"
                )
            time.sleep(PAUSE)
        found = self.get("session/properties")
        tag = str((found.get("version") or {}).get("tag"))
        version = re.match(r"v\d+\.(\d+)", tag)
        if version and int(version[1]) < OLDEST:
            raise UserError(
                f"Metabase at {self.url} is {tag}: O2R needs v0.{OLDEST} or newer, "
                "docker-compose.yml has one that works"
            )
        return found

    def log_in(self, user: str, password: str) -> None:
        """Start a session. Raises UserError when the log-in is refused."""
        answer = self._send("POST", "session", {"username": user, "password": password})
        if answer.status_code in (400, 401, 403):
            raise UserError(
                f"Metabase at {self.url} refuses the log-in of {user}: {self._reason(answer)}; "
                "check METABASE_USER and METABASE_PASSWORD"
            )
        self._http.headers["X-Metabase-Session"] = self._content(answer, "the log-in")["id"]

    def set_up(self, token: str, user: str, password: str) -> None:
        """Make the first user of a new server, an administrator, and start a session."""
        body = {
            "token": token,
            "user": {"email": user, "password": password, "first_name": "O2R", "last_name": "O2R"},
            "prefs": {"site_name": SITE, "site_locale": "en"},
        }
        made = self.write(f"set up Metabase with the administrator {user}", "POST", "setup", body)
        self.is_new = True
        if not self.dry_run:
            self._http.headers["X-Metabase-Session"] = made["id"]

    def log_out(self) -> None:
        """End the session, if there is one."""
        with self._http, suppress(UserError):
            if self._http.headers.get("X-Metabase-Session"):
                self._send("DELETE", "session")

    def get(self, path: str, **parameters: Any) -> Any:
        """What GET answers."""
        if self.is_new and self.dry_run:
            return NEW_SERVER[path]
        answer = self._send("GET", path, parameters=parameters)
        return self._content(answer, f"GET /api/{path}")

    def items(self, collection: int | str, *models: str) -> list[Json]:
        """What a collection holds of some models (card, dashboard, collection), all pages."""
        found: list[Json] = []
        while not (self.is_new and self.dry_run):
            page = self.get(
                f"collection/{collection}/items", models=models, limit=PAGE, offset=len(found)
            )
            found += page["data"]
            if not page["data"] or len(found) >= page["total"]:
                break
        return found

    def query(self, path: str, body: Json | None = None) -> Json:
        """Run a query; the answer has `data`, or `error` with what the database said."""
        answer = self._send("POST", path, body or {})
        try:
            found = answer.json()
        except ValueError:
            found = None
        if isinstance(found, dict) and (answer.ok or found.get("error")):
            return found
        raise UserError(f"Metabase cannot run a query: {self._reason(answer)}")

    def act(self, path: str) -> None:
        """POST without content that changes nothing of what is defined, such as to sync."""
        if not self.dry_run:
            self._content(self._send("POST", path, {}), f"POST /api/{path}")

    def write(self, what: str, method: str, path: str, body: Json, *, quiet: bool = False) -> Json:
        """Change something. what: the change in words, such as `create card Revenue`.

        quiet: count the change without saying it, where there are very many.
        Raises StaleError when somebody else has changed the permissions meanwhile, else UserError.
        """
        if self.dry_run:
            self._done(what, quiet)
            return {**body, "id": -len(self.changes)}
        answer = self._send(method, path, body)
        if answer.status_code == 409:
            raise StaleError(f"Metabase cannot {what}: {self._reason(answer)}")
        found = self._content(answer, what)
        self._done(what, quiet)
        return found

    def apply(self, what: str, change: Callable[[], None]) -> None:
        """Change something elsewhere, such as in the warehouse, that belongs to the same plan."""
        if not self.dry_run:
            change()
        self._done(what)

    def _done(self, what: str, quiet: bool = False) -> None:
        self.changes.append(what)
        if not quiet:
            self.say(what)

    def _not_ready(self) -> str | None:
        """Why no request can be sent yet."""
        try:
            answer = self._http.get(f"{self.url}/api/health", timeout=SECONDS_TO_ANSWER)
        except requests.RequestException:
            return "does not answer"
        return None if answer.ok else f"is not ready (status {answer.status_code})"

    def _send(
        self, method: str, path: str, body: Json | None = None, parameters: Json | None = None
    ) -> requests.Response:
        try:
            return self._http.request(
                method,
                f"{self.url}/api/{path}",
                json=body,
                params=parameters,
                timeout=SECONDS_TO_ANSWER,
            )
        except requests.RequestException as error:
            raise UserError(
                f"Metabase at {self.url} does not answer ({type(error).__name__})"
            ) from None

    def _content(self, answer: requests.Response, what: str) -> Any:
        if not answer.ok:
            raise UserError(
                f"Metabase refuses: {what}: {self._reason(answer)} (status {answer.status_code})"
            )
        try:
            return answer.json() if answer.content else {}
        except ValueError:
            raise UserError(f"{self.url} is not Metabase: {what} gave no JSON") from None

    def _reason(self, answer: requests.Response) -> str:
        """Metabase's words, which may repeat what was sent, without secrets."""
        try:
            found = answer.json()
        except ValueError:
            found = answer.text
        if isinstance(found, dict):
            found = found.get("message") or found.get("errors") or found.get("error") or ""
        text = found if isinstance(found, str) else ", ".join(_leaves(found))
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:300] or "no reason given"


class StaleError(UserError):
    """Somebody else was faster: read again, then try again."""


def _leaves(found: Any, name: str = "") -> list[str]:
    """`name: text` for each text in a tree of errors."""
    if isinstance(found, dict):
        return [leaf for key, value in found.items() for leaf in _leaves(value, str(key))]
    if isinstance(found, list):
        return [leaf for value in found for leaf in _leaves(value, name)]
    return [f"{name}: {found}" if name else str(found)]
