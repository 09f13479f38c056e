"""A mistake in a contract is told by name before a database sees it."""

import copy
from pathlib import Path

import pytest
import yaml

from o2r.lint.contracts import contract_gaps, project_gaps

PROJECT = Path(__file__).parents[2]
CONTRACT = """
sources:
  - name: crm
    schema: raw_bronze
    tables:
      - name: calls
        description: Calls.
        config:
          meta:
            business_key: [call_id]
            partition_by_month: called_at
            event_column: called_at
            checks: ["seconds >= 0 or lower(state) = 'no answer'"]
        columns:
          - {name: call_id, data_type: text, description: Call.,
             config: {meta: {normal_form: trim}}}
          - {name: seconds, data_type: "numeric(18,6)", description: Length.,
             config: {meta: {required: true}}}
          - {name: state, data_type: text, description: How it ended.}
          - {name: called_at, data_type: timestamptz, description: Begin.}
"""
SOUND = yaml.safe_load(CONTRACT)


def test_a_sound_contract_and_those_of_the_project_have_no_gaps():
    assert list(contract_gaps(SOUND)) == []
    assert project_gaps(PROJECT / "dbt") == []


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("source", {"schema": "raw"}, "crm: say schema: raw_bronze, where `o2r setup` makes its"),
        ("table", {"name": "Calls"}, "Calls: name it in a-z, 0-9 and _"),
        ("table", {"name": "c" * 54}, f"{'c' * 54}: name it in a-z, 0-9 and _, 53 letters at most"),
        ("table", {"description": ""}, "calls: lacks a description"),
        ("meta", {"rows": "some"}, "calls.rows: whole or change, not some"),
        ("meta", {"business_key": []}, "calls.business_key: say which columns"),
        ("meta", {"business_key": ["cal_id"]}, "calls.business_key: no column cal_id, did you"),
        ("meta", {"partition_by_month": "day"}, "calls.partition_by_month: no column day"),
        ("meta", {"partition_by_month": "state"}, "calls.partition_by_month: state is text, not"),
        ("meta", {"event_column": "seconds"}, "calls.event_column: seconds is numeric(18,6), not"),
        ("meta", {"checks": ["secnds >= 0"]}, "calls.checks: no column secnds, did you mean seco"),
        ("column", {"data_type": "varchar"}, "calls.state.data_type: text, boolean, "),
        ("column", {"data_type": None}, "calls.state.data_type: text, boolean, "),
        ("column", {"name": "batch_id"}, "calls.batch_id: the name of two columns"),
        ("column", {"name": "seconds"}, "calls.seconds: the name of two columns"),
        ("column", {"name": "the state"}, "calls.the state: name it in a-z, 0-9 and _"),
        ("column", {"description": None}, "calls.state: lacks a description"),
        ("column_meta", {"aliases": ["seconds"]}, "calls.seconds: the name of two columns"),
        ("meta", {"business_key": ["seconds"]}, "calls.seconds.required: a column of the key is"),
        ("column_meta", {"words": ["open"]}, "calls.state: say its normal_form: raw, trim, lower"),
        ("column_meta", {"normal_form": "Lower"}, "calls.state.normal_form: raw, trim, lower, "),
        (
            "column_meta",
            {"normal_form": "lower", "words": ["Open"]},
            "calls.state: words not in their normal form",
        ),
    ],
)
def test_a_mistake_is_named(part, change, message):
    data = copy.deepcopy(SOUND)
    [source] = data["sources"]
    [table] = source["tables"]
    column = table["columns"][2]
    if "name" in change and part == "column":
        table["config"]["meta"]["checks"] = []
    {
        "source": source,
        "table": table,
        "meta": table["config"]["meta"],
        "column": column,
        "column_meta": column.setdefault("config", {}).setdefault("meta", {}),
    }[part].update(change)
    [gap] = contract_gaps(data)
    assert gap.startswith(message)


def test_a_table_is_described_once(tmp_path):
    for source in ("crm", "other"):
        path = tmp_path / "models" / "staging" / source / "_sources.yml"
        path.parent.mkdir(parents=True)
        path.write_text(CONTRACT)
    [problem] = project_gaps(tmp_path)
    assert problem.endswith("crm/_sources.yml too")
    assert "other/_sources.yml: calls is described in" in problem
