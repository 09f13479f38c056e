"""`o2r load --mapping`: the columns of a file become those of a table."""

import pytest

from o2r.bronze.loader import load
from o2r.errors import UserError

MAPPING = """
files:
  export.csv:
    table: support_tickets
    columns: {ticket_id: id, created_at: opened}
    expressions:
      account_id: "'acc-' || customer"
      last_updated: coalesce(closed, opened)
      csat: stars::numeric / 2
    ignore: [noise]
"""


def test_mapping(deliver, tmp_path, bronze):
    (tmp_path / "m.yml").write_text(MAPPING)
    text = "id,customer,opened,closed,stars,noise\n1,7,2026-01-05,,9,?\n"
    result = deliver(text, "export.csv", mapping=tmp_path / "m.yml")
    assert (result.received, result.inserted) == (1, 1)
    assert bronze("select ticket_id, account_id, csat from raw_bronze.support_tickets") == [
        ("1", "acc-7", 4.5)
    ]


def test_expression_that_fails(deliver, tmp_path, bronze):
    (tmp_path / "m.yml").write_text(MAPPING)
    options = {"name": "export.csv", "mapping": tmp_path / "m.yml"}
    text = "id,customer,opened,closed,stars,noise\n1,7,2026-01-05,,many,?\n"
    with pytest.raises(UserError, match=r'export\.csv: nothing loaded: .*"many": check'):
        deliver(text, **options)
    (tmp_path / "m.yml").write_text(MAPPING.replace("stars::numeric", "starz::numeric"))
    with pytest.raises(UserError, match=r"export\.csv: .*stars"):
        deliver(text, **options)
    assert bronze("select 1 from ops.load_batches") == []


def test_a_corrected_mapping_loads_the_same_file_again(deliver, tmp_path, bronze):
    text = "id,customer,opened,closed,stars,noise\n1,7,2026-01-05,,9,?\n"
    for formula in ("stars::numeric / 2", "stars::numeric / 3"):
        (tmp_path / "m.yml").write_text(MAPPING.replace("stars::numeric / 2", formula))
        assert not deliver(text, "export.csv", mapping=tmp_path / "m.yml").already_loaded
    assert bronze("select csat from raw_bronze.support_tickets order by loaded_at") == [
        (4.5,),
        (3,),
    ]


WHERE = """
files:
  export.csv:
    table: support_tickets
    columns: {ticket_id: id, created_at: opened, last_updated: opened, priority: level}
    constants: {account_id: 7}
    values: {priority: {1: p1, 2: p2, "": p4, "*": p3}}
    where: level <> '9'
"""


def test_rows_that_are_not_wanted(deliver, tmp_path, bronze):
    """Left out is not received; where that cannot be told, the row is kept out with a reason."""
    (tmp_path / "m.yml").write_text(WHERE)
    text = "id,opened,level\na,2026-01-05,1\nb,2026-01-05,9\nc,2026-01-05,\nd,2026-01-05,x\n"
    result = deliver(text, "export.csv", mapping=tmp_path / "m.yml")
    assert (result.received, result.inserted, result.quarantined) == (3, 2, 1)
    assert bronze(
        "select ticket_id, account_id, priority from raw_bronze.support_tickets order by 1"
    ) == [("a", "7", "p1"), ("d", "7", "p3")]
    [(reason, original)] = bronze("select reason, original from ops.quarantined_rows")
    assert reason == "where: neither true nor false"
    assert '"id": "c"' in original


TWO_TABLES = """
files:
  export.csv:
    - table: support_tickets
      columns: {ticket_id: id, account_id: org, created_at: opened, last_updated: opened}
    - table: csat_responses
      columns: {response_id: id, account_id: org, answered_at: closed, score: stars}
      constants: {survey_type: csat}
      where: stars is not null
"""


def test_one_file_feeds_two_tables(deliver, tmp_path, bronze, warehouse):
    (tmp_path / "m.yml").write_text(TWO_TABLES)
    header = "id,org,opened,closed,stars"
    path = tmp_path / "export.csv"
    path.write_text(f"{header}\n1,7,2026-01-05,2026-01-06,4\n2,7,2026-01-05,2026-01-07,\n")
    results = load(path, tmp_path / "m.yml", settings=warehouse)
    assert [(result.table, result.inserted) for result in results] == [
        ("support_tickets", 2),
        ("csat_responses", 1),
    ]
    assert all(
        result.already_loaded for result in load(path, tmp_path / "m.yml", settings=warehouse)
    )
    path.write_text(f"{header},mood\n1,7,2026-01-05,2026-01-06,4,good\n")
    with pytest.raises(UserError, match="unknown column 'mood'"):
        load(path, tmp_path / "m.yml", settings=warehouse)
