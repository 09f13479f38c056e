"""What provisioning makes, what it changes, and what it leaves alone."""

import json

import pytest
from tests.integration.metabase.server import HIDDEN, PASSWORD, READER_PASSWORD, USER

from o2r.dashboards.metabase import provision
from o2r.dashboards.metabase.content import origin
from o2r.errors import UserError


def cards_of(board):
    """Ids of the dashcards by the name of their card, else by their words."""
    return {
        one["card"]["name"] if one["card"] else one["visualization_settings"]["text"]: one["id"]
        for one in board["dashcards"]
    }


def test_the_second_run_changes_nothing(metabase, run):
    assert run()
    before = len(metabase.writes)
    assert run() == []
    assert len(metabase.writes) == before


def test_what_metabase_adds_is_no_change(metabase, run):
    run()
    for card in metabase.stores["card"].values():
        card["dataset_query"]["info"] = {"card-id": card["id"]}
        for tag in card["dataset_query"]["stages"][0].get("template-tags", {}).values():
            tag["widget-type"] = None
        card["visualization_settings"]["table.cell_column"] = None
    for board in metabase.stores["dashboard"].values():
        board["parameters"] = [one | {"filteringParameters": []} for one in board["parameters"]]
        board["dashcards"] = [one | {"action_id": None} for one in board["dashcards"]][::-1]
    assert run() == []


def test_a_card_says_what_it_needs_until_that_is_delivered(metabase, run, monkeypatch):
    board, name = "operations", "Worst region"
    missing = {(board, name): "needs platform_incidents: never delivered"}
    monkeypatch.setattr(provision, "needed", lambda *_: missing)
    run()
    said = metabase.named("card")[name]["description"]
    assert "\n\nEmpty: needs platform_incidents: never delivered.\n\nMade by O2R" in said
    assert run() == []
    missing.clear()
    assert run() == [f"update card {name}"]
    assert "Empty" not in metabase.named("card")[name]["description"]


def test_dashboards_have_tabs_filters_and_links_as_defined(metabase, run):
    run()
    business, operations = (
        metabase.named("dashboard")[name] for name in ("State of the Business", "Operations")
    )
    assert [tab["name"] for tab in operations["tabs"]] == ["Now", "Trend"]
    now, trend = (tab["id"] for tab in operations["tabs"])
    assert [one["dashboard_tab_id"] for one in operations["dashcards"]] == [now, now, *[trend] * 4]
    assert {one["id"]: one["type"] for one in business["parameters"]} == {
        "since": "date/single",
        "until": "date/single",
        "slice": "string/=",
    }
    [values] = [one for one in operations["parameters"] if one["id"] == "region"]
    card = metabase.stores["card"][values["values_source_config"]["card_id"]]
    assert "mart_gold.dim_region_v2" in card["dataset_query"]["stages"][0]["native"]
    revenue = business["dashcards"][1]
    assert revenue["visualization_settings"]["click_behavior"]["targetId"] == operations["id"]
    for board in (business, operations):
        for one in board["dashcards"]:
            tags = one["card"]["dataset_query"]["stages"][0].get("template-tags", {}) \
                if one["card"] else {}  # fmt: skip
            mapped = {m["parameter_id"]: m["target"] for m in one["parameter_mappings"]}
            assert mapped == {name: ["variable", ["template-tag", name]] for name in tags}


def test_a_filter_with_a_default_cannot_be_emptied(metabase, run):
    """Without it, a metric's card would add up slices that overlap."""
    run()
    stage = metabase.named("card")["Revenue"]["dataset_query"]["stages"][0]
    assert "\nand slice = {{slice}}\n" in stage["native"]
    assert "\n[[and period_start >= {{since}}]]\n" in stage["native"]
    tag = stage["template-tags"]["slice"]
    assert (tag["default"], tag["required"]) == ("All", True)
    [parameter] = [
        one
        for one in metabase.named("dashboard")["State of the Business"]["parameters"]
        if one["id"] == "slice"
    ]
    assert (parameter["default"], parameter["required"]) == (["All"], True)


def test_a_column_that_only_a_drill_needs_is_hidden(metabase, run, definitions):
    del definitions["dashboards"]["operations"]["items"][0]["drill"]
    run()
    table = metabase.named("card")["Regions"]
    assert "select region_name, incident_count\n" in table["dataset_query"]["stages"][0]["native"]
    drill = {"dashboard": "operations", "filters": {"region": "region_key"}}
    definitions["dashboards"]["operations"]["items"][0]["drill"] = drill
    run()
    table = metabase.named("card")["Regions"]
    assert table["visualization_settings"]["table.columns"] == [
        {"name": "region_name", "enabled": True},
        {"name": "incident_count", "enabled": True},
        {"name": "region_key", "enabled": False},
    ]


def test_a_number_without_days_is_the_last_row(metabase, run):
    run()
    card = metabase.named("card")["Worst region"]
    sql = card["dataset_query"]["stages"][0]["native"]
    assert card["display"] == "scalar"
    assert sql.endswith(
        "order by incident_count desc nulls first, region_name desc nulls first\nlimit 1"
    )


def test_a_changed_card_is_updated_in_place(metabase, run, definitions):
    run()
    before = metabase.named("card")["Error rate"]["id"]
    dashcards = cards_of(metabase.named("dashboard")["State of the Business"])
    item = definitions["dashboards"]["business"]["items"][2]
    item["sql"] += " where value > 0"
    del item["target"]
    assert run() == ["update card Error rate"]
    card = metabase.named("card")["Error rate"]
    assert card["id"] == before
    assert "where value > 0" in card["dataset_query"]["stages"][0]["native"]
    assert "graph.show_goal" not in card["visualization_settings"]
    assert cards_of(metabase.named("dashboard")["State of the Business"]) == dashcards


def test_a_card_whose_target_nobody_states_has_no_line(metabase, run, monkeypatch):
    run()
    assert "graph.goal_value" in metabase.named("card")["Error rate"]["visualization_settings"]
    monkeypatch.setattr(provision, "stated_targets", lambda _settings, _gold: {})
    assert "update card Error rate" in run()
    assert "graph.goal_value" not in metabase.named("card")["Error rate"]["visualization_settings"]


def test_a_renamed_card_stays_the_same_card(metabase, run, definitions):
    run()
    id_ = metabase.named("card")["Error rate"]["id"]
    definitions["dashboards"]["business"]["items"][2]["name"] = "How often does it fail?"
    assert run() == ["update card How often does it fail?"]
    assert metabase.named("card")["How often does it fail?"]["id"] == id_
    assert "Error rate" not in metabase.named("card")


def test_a_removed_card_is_archived_and_its_neighbours_stay(metabase, run, definitions):
    run()
    before = cards_of(metabase.named("dashboard")["State of the Business"])
    del definitions["dashboards"]["business"]["items"][2]
    changes = run()
    assert changes == ["update dashboard State of the Business", "archive card Error rate"]
    after = cards_of(metabase.named("dashboard")["State of the Business"])
    assert after == {name: id_ for name, id_ in before.items() if name != "Error rate"}
    assert "Error rate" not in metabase.named("card")
    assert run() == []


def test_cards_that_move_keep_their_places_ids(metabase, run, definitions):
    run()
    board = definitions["dashboards"]["business"]
    before = cards_of(metabase.named("dashboard")["State of the Business"])
    board["items"] = [*board["items"][1:], board["items"][0]]
    board["items"][0]["width"] = 8
    assert run() == ["update dashboard State of the Business"]
    assert cards_of(metabase.named("dashboard")["State of the Business"]) == before


def test_a_renamed_tab_and_a_renamed_dashboard_keep_their_ids(metabase, run, definitions):
    run()
    before = metabase.named("dashboard")["Operations"]
    tabs, dashcards = [tab["id"] for tab in before["tabs"]], cards_of(before)
    board = definitions["dashboards"]["operations"]
    board["name"], board["tabs"] = "Early warning", ["Today", "Trend"]
    for item in board["items"][:2]:
        item["tab"] = "Today"
    assert run() == ["update dashboard Early warning"]
    after = metabase.named("dashboard")["Early warning"]
    assert (after["id"], [tab["id"] for tab in after["tabs"]]) == (before["id"], tabs)
    assert [tab["name"] for tab in after["tabs"]] == ["Today", "Trend"]
    assert cards_of(after) == dashcards


def test_a_removed_dashboard_and_its_collection_are_archived(metabase, run, definitions):
    run()
    del definitions["dashboards"]["operations"], definitions["collections"]["product"]
    del definitions["dashboards"]["business"]["items"][1]["drill"]
    changes = run()
    assert set(changes) == {
        "update card Revenue",
        "update dashboard State of the Business",
        "archive dashboard Operations",
        "archive card Values of Region (region)",
        "archive card Regions",
        "archive card Worst region",
        "archive card Incidents",
        "archive card Incidents and downtime",
        "archive card Open incidents",
        "archive card Size and downtime",
        "archive collection Product",
    }
    assert run() == []


def test_a_collection_with_something_else_in_it_stays(metabase, run, definitions):
    run()
    product = metabase.named("collection")["Product"]["id"]
    metabase._create("dashboard", {"name": "Mine", "collection_id": product})
    del definitions["dashboards"]["operations"], definitions["collections"]["product"]
    del definitions["dashboards"]["business"]["items"][1]["drill"]
    assert "archive collection Product" not in run()
    assert not metabase.stores["collection"][product]["archived"]
    assert "Mine" in metabase.named("dashboard")


def test_what_people_have_made_is_never_touched(metabase, run, definitions):
    """In other collections and in those of O2R, also under the names of its own things."""
    metabase.users[USER] = PASSWORD
    metabase.setup_token = None
    other = metabase._create("collection", {"name": "Leadership", "parent_id": None})["id"]
    query = {"stages": [{"native": "select 1"}]}
    theirs = [
        metabase._create(
            "card", {"name": "Revenue", "collection_id": None, "dataset_query": query}
        ),
        metabase._create("card", {"name": "Gone", "collection_id": other, "dataset_query": query}),
        metabase._create("dashboard", {"name": "Operations", "collection_id": other}),
    ]
    run()
    ours = metabase.named("collection")["Cards"]["id"]
    theirs.append(
        metabase._create("card", {"name": "Mine", "collection_id": ours, "dataset_query": query})
    )
    before = json.dumps(theirs)
    definitions["dashboards"]["business"]["items"][1]["name"] = "Net revenue"
    run()
    del definitions["dashboards"]["operations"]["items"][1]
    run()
    assert json.dumps(theirs) == before
    paths = {path for _, path, _ in metabase.writes}
    assert not paths & {f"card/{one['id']}" for one in theirs if "dataset_query" in one}


def test_a_copy_of_a_dashboard_is_not_taken_for_it(metabase, run, definitions):
    """Metabase copies the description too, and so the mark."""
    run()
    original = metabase.named("dashboard")["Operations"]
    copied = {key: original[key] for key in ("description", "collection_id")}
    copy = metabase._create("dashboard", {"name": "Copy", **copied})
    definitions["dashboards"]["operations"]["question"] = "What is wrong?"
    assert run() == ["update dashboard Operations"]
    words = {id_: one["description"] for id_, one in metabase.stores["dashboard"].items()}
    assert words[original["id"]].startswith("What is wrong?")
    assert words[copy["id"]].startswith("Where does it hurt?")


def test_descriptions_and_types_of_dbt_arrive(metabase, run, gold):
    run()
    fields = {one["name"]: one for one in metabase.stores["field"].values() if one["table_id"] == 1}
    tables = {one["name"]: one["description"] for one in metabase.stores["table"].values()}
    [key] = [
        one for one in metabase.stores["field"].values()
        if (one["table_id"], one["name"]) == (2, "region_key")
    ]  # fmt: skip
    assert tables == {"metric_values": "Every metric by period.", "dim_region_v2": "Regions."}
    assert fields["value"]["description"] == "The number."
    assert fields["slice"]["semantic_type"] == "type/Category"
    assert (fields["region_key"]["semantic_type"], fields["region_key"]["fk_target_field_id"]) == (
        "type/FK",
        key["id"],
    )
    assert key["semantic_type"] == "type/PK"
    gold["metric_values"].columns["value"].description = "The value."
    assert run() == ["describe metric_values.value"]


def test_what_metabase_or_a_person_has_typed_stays_where_dbt_says_nothing(metabase, run):
    run()
    for field in metabase.stores["field"].values():
        if field["name"] == "region_name":
            field |= {"semantic_type": "type/State", "description": "By hand."}
    assert run() == []


def test_business_users_read_the_collections_and_nothing_else(metabase, run):
    run()
    everybody, business = "1", "3"
    assert [one["name"] for one in metabase.groups][-1] == "Business users"
    ours = [str(one["id"]) for one in metabase.named("collection").values()]
    assert len(ours) == 4
    rights = metabase.collection_graph["groups"]
    assert {rights[everybody][one] for one in ours} == {"none"}
    assert rights[everybody]["root"] == "none"
    assert rights[business] == dict.fromkeys(ours, "read")
    assert metabase.data_graph["groups"][everybody]["1"]["create-queries"] == "no"
    assert metabase.data_graph["groups"].get(business, {}) == {}


def test_rights_on_what_o2r_has_not_made_stay(metabase, run):
    """On a server that somebody else has set up."""
    metabase.users[USER] = PASSWORD
    metabase.setup_token = None
    other = metabase._create("collection", {"name": "Sales", "parent_id": None})["id"]
    metabase.data_graph["groups"]["1"]["77"] = {"create-queries": "query-builder"}
    run()
    rights = metabase.collection_graph["groups"]["1"]
    assert (rights["root"], rights[str(other)]) == ("write", "write")
    assert metabase.data_graph["groups"]["1"]["77"] == {"create-queries": "query-builder"}


def test_rights_are_written_again_when_somebody_was_faster(metabase, run):
    metabase.conflicts = 2
    run()
    assert metabase.data_graph["groups"]["1"]["1"]["create-queries"] == "no"
    assert run() == []


def test_the_first_sync_and_new_tables_are_waited_for(metabase, run):
    metabase.syncing, metabase.unseen = 3, {"dim_region_v2"}
    run()
    assert ("POST", "database/1/sync_schema", {}) in metabase.requests
    assert "dim_region_v2" in metabase.named("table")


def test_a_starting_server_is_waited_for(metabase, run):
    metabase.starting = 3
    assert run()


def test_a_new_password_of_the_reader_reaches_metabase(metabase, run):
    run()
    metabase.stores["database"][1]["details"] |= {"password": "old", "ssl": True}
    metabase.broken["select 1"] = "FATAL: password authentication failed"
    assert run() == ["update database O2R warehouse"]
    details = metabase.stores["database"][1]["details"]
    assert (details["password"], details["ssl"]) == (READER_PASSWORD, True)
    assert details["password"] != HIDDEN


def test_a_dry_run_writes_nothing(metabase, run):
    """And says what the real one does, descriptions apart, which need the list of tables."""
    plan = run(dry_run=True)
    assert metabase.writes == []
    assert [line for line in run() if not line.startswith("describe")] == plan


def test_a_dry_run_of_a_change_says_what_it_would_change(metabase, run, definitions):
    run()
    before = len(metabase.writes)
    definitions["dashboards"]["business"]["items"][2]["name"] = "Errors"
    del definitions["dashboards"]["operations"]["items"][1]
    assert run(dry_run=True) == [
        "update card Errors",
        "update dashboard Operations",
        "archive card Worst region",
    ]
    assert len(metabase.writes) == before


def test_everything_that_is_made_says_where_it_comes_from(metabase, run):
    run()
    made = [
        one
        for kind in ("card", "dashboard", "collection")
        for one in metabase.stores[kind].values()
    ]  # fmt: skip
    assert {origin(one) for one in made} == {
        "metabase/",
        "metabase/collections.yml#leadership",
        "metabase/collections.yml#product",
        "metabase/dashboards/",
        "metabase/dashboards/business.yml",
        "metabase/dashboards/operations.yml",
    }


def test_sessions_are_ended(metabase, run):
    run()
    run()
    assert metabase.sessions == set()


def test_a_metabase_shows_one_company(metabase, run):
    run()
    before = metabase.stores["database"][1]["details"]["dbname"]
    with pytest.raises(UserError, match="shows database o2r, not other: give each company a Meta"):
        run({"database": "other"})
    assert metabase.stores["database"][1]["details"]["dbname"] == before
