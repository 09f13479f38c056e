"""`o2r load --mapping`: the columns of a file become those of a table."""

import pytest

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
