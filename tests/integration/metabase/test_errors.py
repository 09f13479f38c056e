"""What goes wrong is one clear line that says what to do, without secrets; nothing half-written."""

import json

import pytest
from pydantic import SecretStr
from tests.integration.metabase.server import PASSWORD, READER_PASSWORD, USER
from typer.testing import CliRunner

from o2r.cli.main import app
from o2r.dashboards.definitions import Definitions
from o2r.dashboards.metabase import check as checks
from o2r.dashboards.metabase import provision
from o2r.dashboards.metabase.client import Metabase, StaleError
from o2r.errors import UserError

CONTENT = ("collection", "card", "dashboard")


def content_of(metabase):
    return json.dumps({kind: metabase.stores[kind] for kind in CONTENT})


def with_user(metabase, password=PASSWORD):
    metabase.users[USER], metabase.setup_token = password, None


def test_a_wrong_password(metabase, run):
    with_user(metabase, "another one 3")
    with pytest.raises(UserError, match=r"refuses the log-in of admin@example\.com") as error:
        run()
    assert "check METABASE_USER and METABASE_PASSWORD" in str(error.value)
    assert PASSWORD not in str(error.value)
    assert metabase.writes == []


def test_a_password_that_metabase_finds_too_simple_is_not_repeated(metabase, run):
    with pytest.raises(UserError, match="too common") as error:
        run({"metabase_password": SecretStr("tellnobody")})
    assert "tellnobody" not in str(error.value)
    assert "received: ***" in str(error.value)


def test_a_server_that_is_not_there(run):
    with pytest.raises(
        UserError, match=r"Metabase at http://127\.0\.0\.1:9 does not answer: check"
    ):
        run({"metabase_url": "http://127.0.0.1:9"}, wait=0)


def test_a_server_that_does_not_get_ready(metabase, run):
    metabase.starting = 10**6
    with pytest.raises(UserError, match=r"is not ready \(status 503\): .* --wait"):
        run(wait=0.05)


@pytest.mark.parametrize(
    ("version", "is_taken"),
    [
        ("v0.57.9", False),
        ("v1.50.1", False),
        ("v0.58.0", True),
        ("v0.65.2.6", True),
        ("v1.66.1", True),
        ("vLOCAL_DEV", True),
    ],
)
def test_an_old_version(metabase, run, version, is_taken):
    metabase.version = version
    if is_taken:
        assert run()
        return
    with pytest.raises(UserError, match=f"is {version}: O2R needs v0.58 or newer"):
        run()
    assert metabase.requests == []


def test_a_version_that_loses_queries(metabase, run):
    metabase.loses_queries = True
    with pytest.raises(UserError, match=r"card Values of Slice \(slice\) without its query"):
        run()


def test_cards_whose_sql_fails(metabase, run, definitions):
    """All are named before anything of the content is written."""
    with_user(metabase)
    metabase.broken = {
        "select region_name, incident_count, region_key\n": "ERROR: column does not exist",
        "{{slice}}": "ERROR: no such slice",
    }
    with pytest.raises(UserError) as error:
        run()
    message = str(error.value)
    assert message.startswith("no card or dashboard was changed: ")
    assert "card Regions (metabase/dashboards/operations.yml): ERROR: column does not" in message
    assert "card Revenue (metabase/dashboards/business.yml): ERROR: no such slice" in message
    assert json.loads(content_of(metabase)) == {kind: {} for kind in CONTENT}
    assert all(one["description"] is None for one in metabase.stores["table"].values())


def test_of_many_cards_that_fail_the_first_are_named(metabase, run):
    metabase.broken = {"select": "ERROR: no table"}
    with pytest.raises(UserError, match=r"ERROR: no table; and 5 more$"):
        run()


def test_a_card_that_breaks_later_changes_nothing(metabase, run, definitions):
    run()
    before = content_of(metabase)
    definitions["dashboards"]["operations"]["items"][1]["question"] = "Where?"
    metabase.broken = {"limit 10": "ERROR: relation does not exist"}
    with pytest.raises(UserError, match="relation does not exist"):
        run()
    assert content_of(metabase) == before


def test_a_card_whose_result_lacks_a_column(metabase, run, monkeypatch):
    answers = metabase._run

    def shortened(stored):
        answer = answers(stored)
        answer["data"]["cols"] = answer["data"]["cols"][:1]
        return answer

    monkeypatch.setattr(metabase, "_run", shortened)
    with pytest.raises(UserError, match=r"card Regions .* has no incident_count"):
        run()


def test_gold_that_is_not_built(metabase, run, gold):
    del gold["dim_region"]
    with pytest.raises(UserError, match=r"gold lacks dim_region \(read by Operations, .*o2r build"):
        run()
    assert metabase.requests == []


def test_gold_that_is_not_built_may_be_passed_over(metabase, run, gold, monkeypatch):
    monkeypatch.setattr(provision, "built", lambda *_: {})
    assert run(if_built=True) is None
    assert metabase.requests == []
    with pytest.raises(UserError, match="gold is not built: run `o2r build`"):
        run()


def test_tables_that_metabase_does_not_see(metabase, run, monkeypatch):
    with_user(metabase)
    metabase.unseen = {"dim_region_v2"}
    monkeypatch.setattr(Metabase, "act", lambda *_: None)
    with pytest.raises(UserError, match=r"dim_region_v2.region_key is missing.*--wait"):
        run(wait=0.05)
    assert json.loads(content_of(metabase)) == {kind: {} for kind in CONTENT}


def test_a_warehouse_that_metabase_cannot_reach(metabase, run):
    metabase.refuses_connection = f"FATAL: no entry for {READER_PASSWORD}"
    with pytest.raises(UserError) as error:
        run()
    message = str(error.value)
    assert "create database O2R warehouse: FATAL: no entry for ***" in message
    assert "looks for the warehouse at warehouse, port 5432: METABASE_POSTGRES_HOST" in message


def test_a_collection_of_the_same_name_that_is_not_ours(metabase, run):
    with_user(metabase)
    metabase._create("collection", {"name": "O2R", "parent_id": None})
    with pytest.raises(UserError, match="a collection O2R that O2R did not make: rename it"):
        run()


def test_rights_that_somebody_changes_all_the_time(metabase, run):
    metabase.conflicts = 10**6
    with pytest.raises(StaleError, match="someone else edited"):
        run()


@pytest.mark.parametrize("missing", provision.REQUIRED)
def test_settings_that_are_missing_are_named(run, missing):
    with pytest.raises(UserError, match=f"{missing.upper()} is not set"):
        run({missing: None})


def test_an_address_that_is_none(run):
    with pytest.raises(UserError, match="must start with http"):
        run({"metabase_url": "localhost:3000"})


def test_something_that_is_not_metabase(metabase, run, monkeypatch):
    monkeypatch.setattr(metabase, "handle", lambda *_: (200, "<html>hello</html>"))
    with pytest.raises(UserError, match=r"is not Metabase: .* gave no JSON"):
        run()


def test_the_embedded_server_needs_a_port(metabase, run):
    with pytest.raises(UserError, match="set O2R_PGPORT"):
        run({"host": None, "tcp_port": None})
    assert metabase.requests == []


@pytest.fixture
def cli(run, settings, monkeypatch):
    """Run `o2r metabase ...`."""
    monkeypatch.setattr("o2r.settings.load_settings", lambda: settings)
    return lambda *words: CliRunner().invoke(app, ["metabase", *words])


def test_the_command_says_what_it_does(metabase, cli):
    first = cli("provision", "--dry-run")
    assert first.output.endswith("changes would be made\n")
    assert metabase.writes == []
    assert "create dashboard Operations\n" in first.output
    second = cli("provision")
    assert second.output.endswith("changes made\n")
    assert "describe 7 tables and columns\n" in second.output
    assert "describe metric_values" not in second.output
    assert cli("provision").output == f"{metabase.url}/: nothing to change\n"
    for one in (first, second):
        assert PASSWORD not in one.output
        assert READER_PASSWORD not in one.output


def test_the_command_ends_with_one_line_and_exit_code_1(metabase, cli):
    with_user(metabase, "another one 3")
    found = cli("provision")
    assert found.exit_code == 1
    assert found.output.startswith("error: Metabase at ")
    assert found.output.count("\n") == 1


def test_check_finds_what_fails_what_is_empty_and_what_is_missing(metabase, run, cli, definitions):
    run()
    assert cli("check").output == "8 cards, 0 findings\n"
    metabase.broken = {"downtime, incident_count, mean_downtime\nfrom card": "ERROR: gone"}
    metabase.empty = {"{{slice}}", "nulls first"}
    metabase.cut = {"limit 10", "select size"}
    archived = metabase.named("card")["Incidents"]
    archived["archived"] = True
    found = cli("check")
    assert found.exit_code == 1
    assert found.output.splitlines() == [
        "WRONG State of the Business, Revenue: no rows",
        "WRONG State of the Business, Error rate: no rows",
        "WRONG Operations, Incidents: not in Metabase",
        "WRONG Operations, Incidents and downtime: ERROR: gone",
        "WRONG Operations, Size and downtime: too many rows, Metabase cuts them",
        "8 cards, 5 findings",
    ]


def test_check_finds_a_dashboard_that_is_missing(metabase, run, settings):
    run()
    metabase.named("dashboard")["Operations"]["archived"] = True
    assert checks.check(settings) == (8, ["Operations is not in Metabase"])


def test_the_sample_is_valid(definitions):
    assert len(Definitions(**definitions).dashboards) == 2
