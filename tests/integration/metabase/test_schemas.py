"""Metabase's own JSON schemas are there, and find what is wrong."""

import pytest
from tests.integration.metabase.schemas import UnavailableError, validator

CARD = {
    "name": "a",
    "display": "bar",
    "visualization_settings": {},
    "dataset_query": {
        "lib/type": "mbql/query",
        "database": 1,
        "stages": [{"lib/type": "mbql.stage/native", "native": "select 1"}],
    },
}
DASHCARD = {"id": -1, "card_id": None, "row": 0, "col": 0, "size_x": 4, "size_y": 4}


@pytest.fixture(scope="module")
def validate():
    """In all other tests of this folder, requests are checked only where this does not skip."""
    try:
        return validator()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("method", "path", "body", "is_right"),
    [
        ("POST", "card", CARD, True),
        ("POST", "card", CARD | {"display": "barr"}, False),
        ("POST", "card", CARD | {"dataset_query": {"type": "native"}}, False),
        ("PUT", "card/1", {"collection_id": "root"}, False),
        ("PUT", "dashboard/1", {"dashcards": [DASHCARD]}, True),
        ("PUT", "dashboard/1", {"dashcards": [{**DASHCARD, "size_x": 0}]}, False),
        ("PUT", "dashboard/1", {"parameters": [{"id": "a", "type": "date/singel"}]}, False),
        ("POST", "collection", {"description": "no name"}, False),
        ("POST", "setup", {"token": "t", "user": {"email": "a@b.co"}}, False),
        ("PUT", "field/1", {"semantic_type": "type/Key"}, False),
        ("PUT", "table/1", {"description": 1}, False),
        ("POST", "dataset", CARD["dataset_query"] | {"stages": []}, False),
    ],
)
def test_schemas_tell_right_from_wrong(validate, method, path, body, is_right):
    assert (validate(method, path, body) is None) is is_right
