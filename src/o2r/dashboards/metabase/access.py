"""Who may see what: business users read the collections, and ask no questions of their own."""

from __future__ import annotations

from typing import Any

from o2r.dashboards.metabase.client import Metabase, StaleError
from o2r.errors import UserError

Json = dict[str, Any]
BUSINESS = "Business users"
ATTEMPTS = 3


def groups(metabase: Metabase) -> tuple[int, int]:
    """Ids of the group of everybody, and of the business users, which is made."""
    known = metabase.get("permissions/group")
    everybody = next(
        (
            one["id"]
            for one in known
            if one.get("magic_group_type") == "all-internal-users"
            or one["name"] in ("All Users", "All internal users")
        ),
        None,
    )
    if everybody is None:
        raise UserError("Metabase has no group All Users: this is not a version that O2R knows")
    for one in known:
        if one["name"] == BUSINESS:
            return everybody, one["id"]
    body = {"name": BUSINESS}
    made = metabase.write(f"create group {BUSINESS}", "POST", "permissions/group", body)
    return everybody, made["id"]


def restrict_queries(metabase: Metabase, database: int, group_ids: tuple[int, ...]) -> None:
    """Let nobody of the groups write queries on the database; they see what cards show.

    The least right is left out of Metabase's answers.
    """
    wanted = {"view-data": "unrestricted", "create-queries": "no"}

    def lacking(graph: Json) -> Json:
        return {
            str(group): {str(database): wanted}
            for group in group_ids
            if database < 0  # a dry run: everybody may query a new database
            or graph.get(str(group), {}).get(str(database), {}).get("create-queries", "no") != "no"
        }

    _change(metabase, "permissions/graph", "queries of business users", lacking)


def restrict_collections(metabase: Metabase, wanted: dict[int, dict[int | str, str]]) -> None:
    """Set the rights (read or none) of groups on collections. wanted: by group, by collection."""

    def lacking(graph: Json) -> Json:
        found = {
            str(group): {
                str(collection): right
                for collection, right in rights.items()
                if graph.get(str(group), {}).get(str(collection), "none") != right
            }
            for group, rights in wanted.items()
        }
        return {group: rights for group, rights in found.items() if rights}

    _change(metabase, "collection/graph", "who sees the collections", lacking)


def _change(metabase: Metabase, path: str, what: str, lacking: Any) -> None:
    """Write what is lacking in a graph of permissions; once more when somebody was faster."""
    for attempt in range(1, ATTEMPTS + 1):
        graph = metabase.get(path)
        changes = lacking(graph["groups"])
        if not changes:
            return
        body = {"revision": graph["revision"], "groups": changes}
        try:
            metabase.write(f"restrict {what}", "PUT", path, body)
        except StaleError:
            if attempt == ATTEMPTS:
                raise
        else:
            return
