"""Documents that are made from data are current, and links in documents lead somewhere."""

import importlib.util
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
]


def test_the_page_made_by_a_tool_is_current():
    spec = importlib.util.spec_from_file_location("tool", PROJECT / "tools" / "source_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.render(), (
        f"{module.PAGE.name} is stale: run `python tools/source_docs.py`"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_make_targets_named_in_documents_exist():
    targets = set(
        re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert named
    assert named <= targets


def test_make_byo_runs_the_commands_of_its_tutorial():
    """But for `--check` and the queries, which show something to a reader."""
    recipe = re.search(r"^byo: up .*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text(), re.M)[1]
    page = (PROJECT / "docs" / "tutorials" / "crm-exports.md").read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    commands = re.findall(r"^o2r (\w+)(?!.*--check)", blocks, re.MULTILINE)
    made = re.findall(r"o2r (\w+) ?", re.sub(r"@echo.*", "", recipe))
    assert sorted(made) == sorted(one for one in commands if one not in ("up", "sql"))
    assert "export POSTGRES_DB=o2r_byo" in blocks


def test_every_doc_block_is_used_and_exists():
    models = PROJECT / "dbt" / "models"
    written = re.findall(r"{% docs (\w+) %}", (models / "docs.md").read_text("utf-8"))
    used = {
        name
        for path in models.rglob("*.yml")
        for name in re.findall(r"doc\('(\w+)'\)", path.read_text("utf-8"))
    }
    assert len(written) == len(set(written))
    assert set(written) == used
