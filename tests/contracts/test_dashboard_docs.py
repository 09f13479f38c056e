"""docs/dashboards.md: its examples work, and it knows every dashboard and every key."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from o2r.dashboards.check import check
from o2r.dashboards.definitions import Card, Column, Filter
from o2r.dashboards.read import read_definitions
from o2r.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "dashboards.md").read_text("utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
STALE = "dbt/models/exposures.yml: differs from metabase/: run `o2r dashboards write`"


@pytest.fixture
def copied(tmp_path):
    """A copy of the dashboards that can be written to, with the real dbt project."""
    (tmp_path / "database_scripts").mkdir()
    (tmp_path / "dbt").symlink_to(ROOT / "dbt")
    shutil.copytree(ROOT / "metabase", tmp_path / "metabase")
    return load_settings(project=tmp_path)


def test_the_examples_are_dashboards_that_fit(copied):
    metric, card, filters, board = (yaml.safe_load(example) for example in EXAMPLES)
    other = board | filters | {"items": metric + card}
    del other["tabs"]
    for key, one in {"signups": board, "other": other}.items():
        path = copied.project / "metabase" / "dashboards" / f"{key}.yml"
        path.write_text(yaml.safe_dump(one, sort_keys=False), "utf-8")
    definitions = read_definitions(copied)
    assert {"signups", "other"} <= definitions.dashboards.keys()
    assert check(definitions, copied.dbt_dir) == [STALE]


def test_every_dashboard_is_listed():
    listed = re.findall(r"^\| `(\w+)` \| [^|]* \| [^|]* \|$", PAGE.split("## ")[0], re.MULTILINE)
    files = {path.stem for path in (ROOT / "metabase" / "dashboards").glob("*.yml")}
    assert sorted(listed) == sorted(files)


def test_every_key_is_explained():
    written = Card.model_fields.keys() - {"goal"}
    keys = written | Column.model_fields.keys() | Filter.model_fields.keys()
    assert [key for key in sorted(keys) if f"`{key}`" not in PAGE and f"{key}:" not in PAGE] == []
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE.split("## Add a card")[1], re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"\w+", row)}
    assert named == written | {"grain"}
