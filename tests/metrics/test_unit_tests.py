"""The unit tests of the models, which builds of a warehouse leave out."""

import json

from tests.in_process import dbt_in_process

from o2r.builds.run import dbt
from o2r.settings import Settings


def test_the_unit_tests_of_all_models_pass(small: Settings) -> None:
    with dbt_in_process():
        assert dbt(small, ["--quiet", "test", "--select", "test_type:unit"], "prod") == 0
    target = small.home / "dbt" / f"{small.database}_prod" / "target"
    known = json.loads((target / "manifest.json").read_text("utf-8"))["unit_tests"]
    ran = json.loads((target / "run_results.json").read_text("utf-8"))["results"]
    names = {result["unique_id"] for result in ran}
    assert {name for name in names if name.startswith("unit_test.")} == known.keys()
