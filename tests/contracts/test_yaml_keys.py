"""dbt on Postgres ignores a mistyped YAML key; the check of ours does not."""

from pathlib import Path

import pytest
import yaml

from o2r.lint.yaml_keys import (
    PROJECT,
    RESOURCES,
    SELECTORS,
    check_project,
    missing_folders,
    unknown_config_arguments,
    unknown_keys,
)

DBT_DIR = Path(__file__).parents[2] / "dbt"

GOOD = """
version: 2
models:
  - name: fct_a
    description: A fact.
    config:
      materialized: table
      contract: {enforced: true}
      indexes: [{columns: [a], type: btree}]
    data_tests:
      - valid_rows:
          arguments: {key: [a, b]}
          config: {severity: error, meta: {lint: {severity: only a hint}}}
    columns:
      - name: a
        description: Key.
        data_type: bigint
        config: {meta: {lint: {range: may be negative}}}
        constraints: [{type: not_null}]
        data_tests: [unique, {accepted_values: {arguments: {values: [1]}}}]
    latest_version: 2
    versions:
      - {v: 2, config: {alias: fct_a}}
      - v: 1
        deprecation_date: 2027-06-30
        columns: [{include: all, exclude: [a]}, {name: b, data_type: bigint}]
        data_tests: [{unique: {arguments: {column_name: b}}}]
sources:
  - name: crm
    schema: raw_bronze
    config: {loaded_at_field: loaded_at}
    tables:
      - name: t
        config:
          freshness: {warn_after: {count: 1, period: day}, error_after: null}
          meta: {owner: engineering, business_key: [a], checks: [a > 0], rows: whole}
        columns:
          - {name: a, data_type: text, config: {meta: {required: true, aliases: [b], pii: email}}}
          - name: b
            data_type: text
            config: {meta: {normal_form: lower, words: [x, y], bounds: {bytes: 9}}}
unit_tests:
  - name: test_fct_a__adds
    model: fct_a
    overrides: {vars: {as_of_date: 2026-01-31}}
    given: [{input: ref('stg_a'), rows: [{a: 1}]}]
    expect: {rows: [{a: 1}]}
exposures:
  - {name: e, type: dashboard, owner: {name: x}, depends_on: [ref('fct_a')]}
groups:
  - {name: g, owner: {email: g@example.com}}
seeds:
  - {name: s, config: {column_types: {a: bigint}}}
semantic_models:
  - name: facts
    model: ref('fct_a')
    defaults: {agg_time_dimension: day}
    entities: [{name: fact, type: primary, expr: a}]
    dimensions: [{name: day, type: time, type_params: {time_granularity: day}}]
    measures:
      - {name: b, agg: sum, non_additive_dimension: {name: day, window_choice: max}}
metrics:
  - {name: b, label: B, type: simple, type_params: {measure: b}, filter: "{{ a }}"}
  - {name: c, label: C, type: derived, type_params: {expr: b, metrics: [{name: b, alias: x}]}}
"""

# Each replaces words of GOOD by a slip that dbt does not notice, and names where it is reported.
SLIPS = [
    ("description: A fact.", "desciption: A fact.", "models[fct_a].desciption"),
    ("data_tests:\n      - valid", "data_test:\n      - valid", "models[fct_a].data_test"),
    ("data_tests: [unique", "tests: [unique", "models[fct_a].columns[a].tests"),
    ("materialized:", "materialised:", "models[fct_a].config.materialised"),
    ("enforced:", "enforce:", "models[fct_a].config.contract.enforce"),
    ("type: btree", "typ: btree", "models[fct_a].config.indexes[1].typ"),
    ("severity: error,", "severty: error,", "config.severty"),
    ("data_type: bigint", "data_typ: bigint", "models[fct_a].columns[a].data_typ"),
    ("[{type: not_null}]", "[{typo: not_null}]", "models[fct_a].columns[a].constraints[1].typo"),
    ("{arguments: {values: [1]}}", "{values: [1]}", "accepted_values.values"),
    ("latest_version:", "last_version:", "models[fct_a].last_version"),
    ("{alias:", "{allias:", "models[fct_a].versions[1].config.allias"),
    ("deprecation_date:", "deprecated_on:", "models[fct_a].versions[2].deprecated_on"),
    ("exclude: [a]", "except: [a]", "models[fct_a].versions[2].columns[1].except"),
    ("loaded_at_field:", "loaded_at_feild:", "sources[crm].config.loaded_at_feild"),
    ("schema: raw_bronze", "schemas: raw_bronze", "sources[crm].schemas"),
    ("warn_after:", "warn_aftr:", "sources[crm].tables[t].config.freshness.warn_aftr"),
    ("count: 1", "cuont: 1", "freshness.warn_after.cuont"),
    ("agg_time_dimension:", "agg_time:", "semantic_models[facts].defaults.agg_time"),
    ("entities:", "entitys:", "semantic_models[facts].entitys"),
    ("time_granularity:", "granularity:", "dimensions[day].type_params.granularity"),
    ("window_choice:", "window:", "measures[b].non_additive_dimension.window"),
    ("{measure: b}", "{mesure: b}", "metrics[b].type_params.mesure"),
    ("filter:", "filters:", "metrics[b].filters"),
    ("alias: x", "as: x", "metrics[c].type_params.metrics[b].as"),
    ("business_key:", "bussiness_key:", "sources[crm].tables[t].config.meta.bussiness_key"),
    ("required: true", "requird: true", "tables[t].columns[a].config.meta.requird"),
    ("lint: {severity", "lints: {severity", "config.meta.lints: unknown key, did you mean lint?"),
    ("lint: {range", "lint: {ranges", "columns[a].config.meta.lint.ranges: unknown key"),
    ("overrides:", "override:", "unit_tests[test_fct_a__adds].override"),
    ("given: [{input:", "given: [{inputs:", "unit_tests[test_fct_a__adds].given[1].inputs"),
    ("expect: {rows:", "expect: {row:", "unit_tests[test_fct_a__adds].expect.row"),
    ("depends_on:", "depends:", "exposures[e].depends"),
    ("{email: g@", "{mail: g@", "groups[g].owner.mail"),
    ("column_types:", "column_type:", "seeds[s].config.column_type"),
    ("exposures:", "exposure:", "exposure"),
    ("expect: {rows: [{a: 1}]}", "expect: [{a: 1}]", "expected a mapping"),
]


def test_keys_of_this_project_are_known() -> None:
    assert check_project(DBT_DIR) == []


def test_good_file_passes() -> None:
    assert list(unknown_keys(yaml.safe_load(GOOD), RESOURCES)) == []


@pytest.mark.parametrize(("words", "slip", "place"), SLIPS)
def test_slip_is_reported_where_it_is(words: str, slip: str, place: str) -> None:
    assert words in GOOD
    messages = list(unknown_keys(yaml.safe_load(GOOD.replace(words, slip, 1)), RESOURCES))
    assert len(messages) == 1
    assert place in messages[0]


def test_likely_spelling_is_proposed() -> None:
    (message,) = unknown_keys({"models": [{"name": "a", "descripton": "b"}]}, RESOURCES)
    assert message == "models[a].descripton: unknown key, did you mean description?"


def test_project_settings_need_a_plus_a_known_name_and_a_folder(tmp_path: Path) -> None:
    project = {
        "name": "o2r",
        "model-paths": ["models"],
        "seed-paths": ["seeds"],
        "models": {
            "o2r": {
                "staging": {"+materialised": "view"},
                "mart": {"+schema": "gold", "+contract": {"enforce": True}},
                "schema": "gold",
            }
        },
        "flag": {},
    }
    (tmp_path / "models" / "staging").mkdir(parents=True)
    places = [message.split(":")[0] for message in unknown_keys(project, PROJECT)]
    assert places == [
        "models.o2r.staging.+materialised",
        "models.o2r.mart.+contract.enforce",
        "models.o2r.schema",
        "flag",
    ]
    assert [message.split(":")[0] for message in missing_folders(project, tmp_path)] == [
        "models.o2r.mart",
        "models.o2r.schema",
    ]


def test_selectors() -> None:
    (message,) = unknown_keys({"selectors": [{"name": "a", "defintion": "tag:b"}]}, SELECTORS)
    assert message.startswith("selectors[a].defintion: unknown key")


@pytest.mark.parametrize(
    ("sql", "problems"),
    [
        ("{{ config(materialized='table', post_hook=['analyze x, y=1'], tags=['a']) }}", 0),
        ("{{ config(\n    materialized=var('m', default='view'),\n    unique_key=['a'],\n) }}", 0),
        ("{{ config(materialised='table', unique_keys=['a']) }}", 2),
    ],
)
def test_config_blocks(sql: str, problems: int) -> None:
    assert len(list(unknown_config_arguments(sql))) == problems
