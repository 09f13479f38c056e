"""What dbt's manifest says of gold: relations, descriptions, keys, categories."""

from tests.unit.manifests import generic_test, model

from o2r.dashboards.metabase.gold import Column, gold_of


def manifest(*nodes):
    for node in nodes:
        node.setdefault("schema", "mart_gold")
        node.setdefault("alias", node["name"])
        node.setdefault("description", "")
        if node["resource_type"] == "test":
            node["column_name"] = node["test_metadata"]["kwargs"].get("column_name")
        else:
            node["path"] = node["original_file_path"].removeprefix("models/")
    return {"nodes": {node["unique_id"]: node for node in nodes}}


def test_keys_and_categories_come_from_tests():
    account = model("marts/core", "dim_account", [], {"account_id": "text", "segment": "text"})
    fact = model(
        "marts/core", "fct_ticket", [], {"ticket_id": "text", "account_id": "text", "x": "int"}
    )
    found = gold_of(
        manifest(
            account,
            fact,
            generic_test(account, "valid_rows", key=["account_id"], one_of={"segment": ["a"]}),
            generic_test(fact, "valid_rows", not_null=["x"], one_of={"account_id": ["a"]}),
            generic_test(
                fact,
                "relationships",
                column_name="account_id",
                to="ref('dim_account')",
                field="account_id",
            ),
        )
    )
    assert found["dim_account"].columns == {
        "account_id": Column("The account_id.", "type/PK"),
        "segment": Column("The segment.", "type/Category"),
    }
    assert found["fct_ticket"].columns == {
        "ticket_id": Column("The ticket_id."),
        "account_id": Column("The account_id.", "type/FK", ("dim_account", "account_id")),
        "x": Column("The x."),
    }


def test_a_primary_key_that_refers_to_another_table_stays_the_primary_key():
    account = model("marts/core", "dim_account", [], {"account_id": "text"})
    other = model("marts/core", "dim_other", [], {"account_id": "text"})
    tests = [
        generic_test(other, "valid_rows", key=["account_id"]),
        generic_test(
            other, "relationships", column_name="account_id", to="ref('dim_account')",
            field="account_id",
        ),
    ]  # fmt: skip
    for order in (tests, tests[::-1]):
        found = gold_of(manifest(account, other, *order))
        assert found["dim_other"].columns["account_id"] == Column("The account_id.", "type/PK")


def test_what_refers_to_silver_is_no_foreign_key():
    fact = model("marts/core", "fct_ticket", [], {"account_id": "text"})
    silver = model("staging/crm", "stg_accounts", [], {"account_id": "text"})
    refers = generic_test(
        fact,
        "relationships",
        column_name="account_id",
        to="ref('stg_accounts')",
        field="account_id",
    )
    found = gold_of(manifest(fact, silver, refers))
    assert list(found) == ["fct_ticket"]
    assert found["fct_ticket"].columns["account_id"] == Column("The account_id.")


def test_meta_names_a_type_of_its_own():
    account = model("marts/core", "dim_account", [], {"country": "text"})
    account["columns"]["country"]["config"]["meta"]["metabase.semantic_type"] = "type/Country"
    values = generic_test(account, "valid_rows", one_of={"country": ["a"]})
    found = gold_of(manifest(account, values))
    assert found["dim_account"].columns["country"].semantic_type == "type/Country"


def test_a_name_means_the_newest_version():
    new, old = model("marts/core", "dim_account", []), model("marts/core", "dim_account", [])
    new |= {"alias": "dim_account_v2", "version": 2, "latest_version": 2}
    old |= {"alias": "dim_account_v1", "version": 1, "latest_version": 2, "unique_id": "old"}
    new["description"] = " All  accounts.\n"
    for order in ((old, new), (new, old)):
        found = gold_of(manifest(*order))
        assert found["dim_account"].relation == "mart_gold.dim_account_v2"
        assert found["dim_account"].description == "All accounts."
        assert found["dim_account_v1"].relation == "mart_gold.dim_account_v1"
