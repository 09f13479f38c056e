"""A server that keeps state as Metabase does, for tests of the provisioner.

Beyond storing it does what Metabase's source is known to do: keys it does not know are ignored, ids
and entity ids are its own, dashcards are replaced as a whole, lists come in pages, the first sync
takes its time, stale permission graphs are refused. It has no SQL engine.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
USER, PASSWORD, READER_PASSWORD = "admin@example.com", "correct horse 1", "reader horse 2"
SETUP_TOKEN = "the setup token"
HIDDEN = "**MetabasePass**"
TAKEN = {
    ("POST", "card"): {
        *("name", "description", "display", "visualization_settings", "dataset_query", "type"),
        *("collection_id", "parameters", "entity_id"),
    },
    ("PUT", "card"): {
        *("name", "description", "display", "visualization_settings", "dataset_query", "type"),
        *("collection_id", "parameters", "archived"),
    },
    ("POST", "dashboard"): {"name", "description", "parameters", "collection_id"},
    ("PUT", "dashboard"): {
        *("name", "description", "parameters", "collection_id", "archived", "dashcards", "tabs"),
    },
    ("POST", "collection"): {"name", "description", "parent_id"},
    ("PUT", "collection"): {"name", "description", "parent_id", "archived"},
}
DASHCARD = {
    *("id", "card_id", "row", "col", "size_x", "size_y", "dashboard_tab_id"),
    *("parameter_mappings", "visualization_settings", "inline_parameters", "series"),
}


class RefusedError(Exception):
    """Answer with a status and a body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status, self.body = status, body


class MetabaseServer:
    """State, and the requests that have changed it.

    requests: (method, path, body) of all that is not a plain read, in order.
    stripped: keys that were sent and that Metabase ignores.
    invalid:  bodies that `validate` has found wrong, with its words.
    broken:   SQL that contains a key fails with the words of the value.
    empty:    SQL that contains one of these gives no rows.
    cut:      SQL that contains one of these gives more rows than Metabase shows.
    """

    def __init__(self, tables: dict[str, list[str]], version: str = "v0.65.2.6") -> None:
        self.version = version
        self.tables = tables
        self.users: dict[str, str] = {}
        self.setup_token: str | None = SETUP_TOKEN
        self.starting = 0
        self.syncing = 1
        self.unseen: set[str] = set()
        self.conflicts = 0
        self.loses_queries = False
        self.refuses_connection: str | None = None
        self.broken: dict[str, str] = {}
        self.empty: set[str] = set()
        self.cut: set[str] = set()
        self.validate: Callable[[str, str, Json], str | None] = lambda *_: None
        self.requests: list[tuple[str, str, Json]] = []
        self.stripped: list[str] = []
        self.invalid: list[str] = []
        self.sessions: set[str] = set()
        self.stores: dict[str, dict[int, Json]] = {
            kind: {} for kind in ("card", "dashboard", "collection", "database", "table", "field")
        }
        self.groups = [
            {"id": 1, "name": "All Users", "magic_group_type": "all-internal-users"},
            {"id": 2, "name": "Administrators", "magic_group_type": "admin"},
        ]
        self.data_graph: Json = {"revision": 1, "groups": {"1": {}}}
        self.collection_graph: Json = {"revision": 1, "groups": {"1": {"root": "write"}}}
        self._ids: dict[str, int] = {}

    def __enter__(self) -> MetabaseServer:
        state = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer is one packet, not two that wait for each other

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                status, found = state.handle(
                    self.command, self.path, body, self.headers.get("X-Metabase-Session")
                )
                content = found if isinstance(found, str) else json.dumps(found)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content.encode())))
                self.end_headers()
                self.wfile.write(content.encode())

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def writes(self) -> list[tuple[str, str, Json]]:
        """Requests that change what is stored: no log-in, no query, no sync."""
        reads = re.compile(r"session|dataset|card/\d+/query|database/\d+/sync_schema")
        return [one for one in self.requests if not reads.fullmatch(one[1])]

    def named(self, kind: str) -> dict[str, Json]:
        """Stored things by name, archived ones left out."""
        return {one["name"]: one for one in self.stores[kind].values() if not one["archived"]}

    def handle(self, method: str, target: str, body: Json, session: str | None) -> tuple[int, Any]:
        path = urlsplit(target).path.removeprefix("/api/")
        query = parse_qs(urlsplit(target).query)
        if method != "GET":
            self.requests.append((method, path, deepcopy(body)))
            if problem := self.validate(method, path, body):
                self.invalid.append(f"{method} {path}: {problem}")
        try:
            return 200, deepcopy(self._route(method, path, body, query, session))
        except RefusedError as refused:
            return refused.status, refused.body

    def _route(self, method: str, path: str, body: Json, query: Json, session: str | None) -> Any:
        parts = path.split("/")
        if path == "health":
            self.starting -= 1
            if self.starting >= 0:
                raise RefusedError(503, {"status": "initializing", "progress": 0.3})
            return {"status": "ok"}
        if path == "session/properties":
            return {
                "version": {"tag": self.version},
                "has-user-setup": bool(self.users),
                "setup-token": self.setup_token,
            }
        if path == "setup":
            return self._set_up(body)
        if (method, path) == ("POST", "session"):
            if self.users.get(body["username"]) != body["password"]:
                raise RefusedError(401, {"errors": {"password": "did not match stored password"}})
            return self._new_session()
        if session not in self.sessions:
            raise RefusedError(401, "Unauthenticated")
        if (method, path) == ("DELETE", "session"):
            self.sessions.discard(session)
            return {}
        if parts[0] == "permissions" and parts[1] == "group":
            return self._group(method, body)
        if path in ("permissions/graph", "collection/graph"):
            return self._graph(method, path, body)
        if path == "dataset" or (parts[0] == "card" and parts[-1] == "query"):
            stored = body if path == "dataset" else self._get("card", parts[1])["dataset_query"]
            return self._run(stored)
        if parts[0] == "database":
            return self._database(method, parts, body)
        if parts[-1] == "items":
            return self._items(parts[1], query)
        if method == "GET":
            return self._get(parts[0], parts[1])
        if method == "POST":
            return self._create(parts[0], body)
        return self._change(parts[0], self._get(parts[0], parts[1]), body)

    def _set_up(self, body: Json) -> Json:
        if self.users:
            raise RefusedError(403, {"message": "The /api/setup route can only be used once"})
        if body["token"] != self.setup_token:
            raise RefusedError(400, {"errors": {"token": "Token does not match the setup token."}})
        password = body["user"]["password"]
        if not re.search(r"\d", password):
            words = "password is too common."
            raise RefusedError(
                400,
                {
                    "specific-errors": {"user": {"password": [f"{words}, received: {password}"]}},
                    "errors": {"user": {"password": f"{words} received: {password}"}},
                },
            )
        self.users[body["user"]["email"]] = password
        self.setup_token = None
        return self._new_session()

    def _new_session(self) -> Json:
        name = f"session-{self._next('session')}"
        self.sessions.add(name)
        return {"id": name}

    def _next(self, kind: str) -> int:
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return self._ids[kind]

    def _group(self, method: str, body: Json) -> Any:
        if method == "GET":
            return self.groups
        self.groups.append({"id": 2 + self._next("group"), **body})
        return self.groups[-1]

    def _graph(self, method: str, path: str, body: Json) -> Json:
        """Partial writes; a stale revision is refused; the least right is left out of answers."""
        graph = self.data_graph if path.startswith("permissions") else self.collection_graph
        if method == "PUT":
            if self.conflicts > 0:
                self.conflicts -= 1
                graph["revision"] += 1
            if body["revision"] != graph["revision"]:
                raise RefusedError(
                    409, {"message": "Looks like someone else edited the permissions"}
                )
            graph["revision"] += 1
            for group, rights in body["groups"].items():
                graph["groups"].setdefault(group, {}).update(rights)
        shown: Json = {}
        for group, rights in graph["groups"].items():
            shown[group] = {}
            for thing, right in rights.items():
                if isinstance(right, dict):
                    right = {k: v for k, v in right.items() if v != "no"}
                if right != "none":
                    shown[group][thing] = right
        return {"revision": graph["revision"], "groups": shown}

    def _database(self, method: str, parts: list[str], body: Json) -> Any:
        store = self.stores["database"]
        if len(parts) == 1 and method == "GET":
            return {"data": [self._shown(one) for one in store.values()], "total": len(store)}
        if method in ("POST", "PUT") and len(parts) <= 2 and self.refuses_connection:
            raise RefusedError(400, {"message": self.refuses_connection})
        if len(parts) == 1:
            id_ = self._next("database")
            store[id_] = {"id": id_, **body, "archived": False}
            self.data_graph["groups"]["1"][str(id_)] = {
                "view-data": "unrestricted",
                "create-queries": "query-builder-and-native",
            }
            return self._shown(store[id_])
        found = self._get("database", parts[1])
        if parts[-1] == "sync_schema":
            self.unseen.clear()
            return {"status": "ok"}
        if parts[-1] == "metadata":
            return self._metadata(found["id"])
        if method == "PUT":
            details = dict(body.get("details") or {})
            if details.get("password") == HIDDEN:
                details["password"] = found["details"]["password"]
            found |= body | {"details": details}
            return self._shown(found)
        self.syncing -= 1
        status = "incomplete" if self.syncing >= 0 else "complete"
        return self._shown(found) | {"initial_sync_status": status}

    def _shown(self, database: Json) -> Json:
        return database | {"details": database["details"] | {"password": HIDDEN}}

    def _metadata(self, database: int) -> Json:
        for table, columns in self.tables.items():
            if table in self.unseen or any(
                one["name"] == table for one in self.stores["table"].values()
            ):
                continue
            id_ = self._next("table")
            self.stores["table"][id_] = {
                "id": id_, "name": table, "db_id": database, "description": None, "archived": False,
            }  # fmt: skip
            for column in columns:
                field = self._next("field")
                self.stores["field"][field] = {
                    "id": field, "name": column, "table_id": id_, "description": None,
                    "semantic_type": None, "fk_target_field_id": None, "archived": False,
                }  # fmt: skip
        fields = list(self.stores["field"].values())
        return {
            "tables": [
                table | {"fields": [one for one in fields if one["table_id"] == table["id"]]}
                for table in self.stores["table"].values()
            ]
        }

    def _run(self, stored: Json) -> Json:
        sql = stored["stages"][0]["native"]
        tags = stored["stages"][0].get("template-tags", {})
        if unknown := set(re.findall(r"{{(\w+)}}", sql)) - tags.keys():
            return {"status": "failed", "error": f"missing tags {sorted(unknown)}"}
        for name, words in self.broken.items():
            if name in sql:
                return {"status": "failed", "error": words, "data": {"rows": [], "cols": []}}
        selected = re.search(r"^select (.+)\nfrom card$", sql, re.MULTILINE)
        names = selected[1].split(", ") if selected else ["value"]
        rows = [] if any(one in sql for one in self.empty) else [[1] * len(names)]
        data: Json = {"rows": rows, "cols": [{"name": name} for name in names]}
        if any(one in sql for one in self.cut):
            data["rows_truncated"] = 2000
        return {"status": "completed", "data": data}

    def _items(self, collection: str, query: Json) -> Json:
        """Pages, as asked for; archived things are left out."""
        here = None if collection == "root" else int(collection)
        places = {"card": "collection_id", "dashboard": "collection_id", "collection": "parent_id"}
        found = [
            {**one, "model": kind}
            for kind, place in places.items()
            for one in self.stores[kind].values()
            if one.get(place) == here and not one["archived"]
            and kind in query.get("models", places)
        ]  # fmt: skip
        start, size = int(query.get("offset", ["0"])[0]), int(query.get("limit", ["2"])[0])
        rows = found[start : start + min(size, 2)]
        hidden = ("dataset_query", "visualization_settings", "dashcards")
        data = [{k: v for k, v in one.items() if k not in hidden} for one in rows]
        return {"total": len(found), "data": data}

    def _get(self, kind: str, id_: str) -> Json:
        try:
            return self.stores[kind][int(id_)]
        except KeyError:
            raise RefusedError(404, "Not found.") from None

    def _taken(self, method: str, kind: str, body: Json) -> Json:
        """Without the keys that Metabase strips, which are noted."""
        taken = TAKEN.get((method, kind), body.keys())
        self.stripped += [f"{kind}.{key}" for key in body if key not in taken]
        return {key: value for key, value in body.items() if key in taken}

    def _create(self, kind: str, body: Json) -> Json:
        body = self._taken("POST", kind, body)
        id_ = self._next(kind)
        made = {"description": None, **body, "id": id_, "archived": False}
        if kind == "card":
            made |= {"result_metadata": None, "parameters": body.get("parameters", [])}
            if self.loses_queries:
                made["dataset_query"] = {}
        if kind == "dashboard":
            made |= {"parameters": body.get("parameters", []), "dashcards": [], "tabs": []}
        if kind == "collection":
            self._inherit(id_, body.get("parent_id"))
        made["entity_id"] = f"{kind}-{id_:017}"  # whatever was sent
        self.stores[kind][id_] = made
        return made

    def _inherit(self, id_: int, parent: int | None) -> None:
        """A new collection has the rights of the one around it."""
        for rights in self.collection_graph["groups"].values():
            rights[str(id_)] = rights.get(str(parent or "root"), "none")

    def _change(self, kind: str, found: Json, body: Json) -> Json:
        body = self._taken("PUT", kind, body)
        if kind == "dashboard" and "dashcards" in body:
            body |= self._replaced(found, body["dashcards"], body.get("tabs", []))
        found |= body
        if kind == "collection" and body.get("archived"):
            for child in (*self.stores["card"].values(), *self.stores["dashboard"].values()):
                child["archived"] |= child.get("collection_id") == found["id"]
        return found

    def _replaced(self, board: Json, dashcards: list[Json], tabs: list[Json]) -> Json:
        """Full replace: known ids are updated, others are new, missing ones are gone."""
        for things in (dashcards, tabs):
            if len({one["id"] for one in things}) != len(things):
                raise RefusedError(400, {"errors": {"id": "ids must be unique"}})
        if tabs and any(one.get("dashboard_tab_id") is None for one in dashcards):
            raise RefusedError(400, "This dashboard has tab, makes sure every card has a tab")
        known = {one["id"] for one in board["tabs"]}
        tab_ids = {
            one["id"]: one["id"] if one["id"] in known else self._next("tab") for one in tabs
        }
        known = {one["id"]: one for one in board["dashcards"]}
        rows = []
        for one in dashcards:
            self.stripped += [f"dashcard.{key}" for key in one if key not in DASHCARD]
            card = self.stores["card"].get(one["card_id"]) if one["card_id"] else None
            if one["card_id"] and (card is None or card["archived"]):
                raise RefusedError(404, "Not found.")
            old = known.get(one["id"], {"id": self._next("dashcard"), "series": []})
            new = {key: value for key, value in one.items() if key in DASHCARD and key != "id"}
            tab = tab_ids.get(one.get("dashboard_tab_id"))
            rows.append({**old, **new, "dashboard_tab_id": tab, "card": card})
        return {
            "dashcards": rows,
            "tabs": [{"id": tab_ids[one["id"]], "name": one["name"], "position": number}
                     for number, one in enumerate(tabs)],
        }  # fmt: skip
