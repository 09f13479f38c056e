"""The rules of `python -m o2r.lint` hold for the project that the tests of numbers build."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from tests.in_process import dbt_in_process

from o2r.builds.run import dbt
from o2r.lint.coverage import measure
from o2r.lint.manifest import LAYERS, Project, layer
from o2r.lint.rules import check
from o2r.settings import Settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(small: Settings, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with what its tests of bounds compare, which stands in their SQL."""
    folder = tmp_path_factory.mktemp("compiled")
    where = ["--target-path", str(folder), "--select", "test_name:valid_rows"]
    with dbt_in_process():
        assert dbt(small, ["--quiet", "compile", *where], "prod") == 0
    return Project.read(folder)


def test_the_project_breaks_no_rule(project: Project) -> None:
    assert [str(finding) for finding in check(project)] == []


def test_columns_of_marts_are_described_and_tested(project: Project) -> None:
    coverage = measure(project)
    assert coverage.is_enough, "\n".join(map(str, coverage.gaps))


def test_the_picture_of_the_architecture_is_current(small: Settings) -> None:
    spec = importlib.util.spec_from_file_location("tool", ROOT / "tools" / "architecture.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    built = small.home / "dbt" / f"{small.database}_prod" / "target" / "manifest.json"
    assert tool.PICTURE.read_text("utf-8") == tool.render(json.loads(built.read_text("utf-8"))), (
        "run `python tools/architecture.py`"
    )


def test_nothing_is_left_out(project: Project) -> None:
    """The rules see every model file, of every layer, and every singular test."""
    files = {path.relative_to(ROOT / "dbt").as_posix() for path in ROOT.glob("dbt/models/**/*.sql")}
    assert {model["original_file_path"] for model in project.models.values()} == files
    assert {layer(model) for model in project.models.values()} == set(LAYERS)
    singular = {test["name"] for test in project.tests.values() if not test.get("test_metadata")}
    assert singular == {path.stem for path in ROOT.glob("dbt/tests/singular/*.sql")}


def test_versions_are_ranked_by_what_their_delivery_can_know() -> None:
    """A date that a source writes may lie in 2099; it ranks versions by `believed_stamp` only."""
    ranked = {
        path.stem: re.findall(r"newest=\[\s*'(\w+)'", path.read_text()) or ["loaded_at"]
        for path in ROOT.glob("dbt/models/staging/**/*.sql")
        if re.search("newest_version|version_rank", path.read_text())
    }
    assert len(ranked) > 15
    assert {column for columns in ranked.values() for column in columns} == {
        "believed_at",
        "loaded_at",
    }


AS_OF_WINDOW = re.compile(
    r"(?:between|is_window_over)\([^}]*?as_of_(?:date|end_at)|as_of_(?:date|end_at)\s*[-+](?!-)"
)
"""Days counted back from the as-of day, or time that has passed up to it."""
NO_FEED_TO_WAIT_FOR = {
    "int_as_of": "is the as-of day",
    "int_feed_clock": "is the clock of a feed",
    "int_metric_reach": "counts how far a feed is behind",
    "feed_status": "counts how far a feed is behind",
    "int_account_day": "gives days; what is counted on them ends in int_account_day_*",
    "account_lifecycle": "days since a sign-up pass by themselves",
}


def test_what_counts_back_from_the_as_of_day_waits_for_its_feed() -> None:
    """A window that a late feed leaves empty at its end looks like a fall."""
    windows = {
        path.stem: path.read_text()
        for path in ROOT.glob("dbt/models/**/*.sql")
        if AS_OF_WINDOW.search(path.read_text())
    }
    assert len(windows) > 15
    waiting = {name for name, sql in windows.items() if re.search(r"(reach_of|known_as_of)\(", sql)}
    assert windows.keys() - waiting == NO_FEED_TO_WAIT_FOR.keys()
