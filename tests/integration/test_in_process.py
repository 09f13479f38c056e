"""What dbt has parsed of the project once, moved, is what it parses at the other place."""

import json
import shutil

from tests.in_process import dbt_in_process, put_parsed

from o2r.builds.run import dbt, work_dir
from o2r.settings import Settings

OWN = {"created_at", "build_path", "root_path"}
"""Keys that differ from one parse to the next, or say in which folder it was."""


def read(settings: Settings) -> dict:
    """The manifest of the last command, but for what it says of itself."""
    text = (work_dir(settings, "personal") / "target" / "manifest.json").read_text()
    found = json.loads(text.replace(str(settings.dbt_dir), "HERE"), object_hook=without_own)
    found["group_map"] = {group: set(nodes) for group, nodes in found["group_map"].items()}
    return {part: content for part, content in found.items() if part != "metadata"}


def without_own(found: dict) -> dict:
    return {key: value for key, value in found.items() if key not in OWN}


def test_a_moved_parse_is_that_of_the_other_place(
    warehouse: Settings, tmp_path, monkeypatch
) -> None:
    """In another database, as of another day, by a process of its own; and in another folder."""
    monkeypatch.setenv("USER", "ann.other")
    shutil.copytree(warehouse.dbt_dir, tmp_path / "dbt", ignore=shutil.ignore_patterns("target"))
    copy = warehouse.model_copy(update={"project": tmp_path})
    assert dbt(copy, ["--quiet", "parse", "--vars", "as_of_date: 2024-01-01"], "personal") == 0
    anew = read(copy)
    shutil.rmtree(work_dir(copy, "personal"))
    put_parsed(copy, "personal")
    assert dbt(copy, ["--quiet", "parse"], "personal") == 0
    assert read(copy) == anew
    with dbt_in_process():
        assert dbt(warehouse, ["--quiet", "ls"], "personal") == 0
    assert read(warehouse) == anew
