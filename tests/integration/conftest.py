"""What the tests of the loader share."""

import pytest

from o2r.bronze.loader import load


@pytest.fixture
def deliver(warehouse, tmp_path):
    """Load text or bytes as a file and return its result: `deliver(content, name)`."""

    def run(content, name="support_tickets.csv", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load(path, settings=warehouse, **options)[0]

    return run


@pytest.fixture
def bronze(warehouse, query):
    """Query the database of `deliver`."""
    return lambda statement: query(warehouse, statement)
