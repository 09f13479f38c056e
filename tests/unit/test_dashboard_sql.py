"""Cards of catalogue metrics written out, and the SQL that Metabase and the site run."""

from pathlib import Path

import pytest
from tests.unit.dashboard_project import ACCOUNTS, board, card, project

from o2r.dashboards.metrics import LATEST, SLICE_FILTER, WEEK_FILTER, catalogue, expand
from o2r.dashboards.queries import all_rows, metabase_sql, tables
from o2r.dashboards.read import read_definitions

METRIC = {"metric": "error_rate_pct", "display": "line"}


def gold(name: str) -> str:
    return f"gold.{name}"


@pytest.fixture
def metrics(tmp_path: Path) -> dict[str, dict[str, str]]:
    return catalogue(project(tmp_path).dbt_dir)


def test_a_metric_alone_is_its_totals_of_periods_that_are_over(metrics):
    made = expand(METRIC, metrics, "EUR", {})
    assert made["sql"] == (
        "select period_start, value from {{ ref('metric_values') }} as metric_values "
        "where metric = 'error_rate_pct' and grain = 'week' and is_final and dimension = 'all'"
    )
    assert (made["name"], made["question"]) == ("Error rate", "Errors / requests")
    assert (made["target"], made["good"]) == ("error_rate_pct", "down")
    assert (made["x"], made["y"], made["order"]) == ("period_start", ["value"], ["period_start"])
    assert made["filters"] == {}
    assert made["columns"] == {
        "period_start": {"label": "Week from", "format": "date"},
        "value": {"label": "Error rate", "format": "percent", "decimals": 2},
    }


def test_a_table_of_a_metric_has_provisional_values_and_says_so(metrics):
    made = expand(METRIC | {"display": "table"}, metrics, "EUR", {})
    assert "and is_complete and" in made["sql"]
    assert "'provisional until ' || cast(final_date as varchar(10))" in made["sql"]
    assert list(made["columns"]) == ["period_start", "value", "state"]


def test_a_metric_by_month_within_days_and_slices(metrics):
    filters = {"since": {"kind": "since"}, "tier": {"kind": "choice"}, "slice": SLICE_FILTER}
    made = expand(METRIC | {"grain": "month"}, metrics, "EUR", filters)
    assert "grain = 'month'" in made["sql"]
    assert "dimension = 'all' " not in made["sql"].split(" from ")[1]
    assert made["columns"]["period_start"]["label"] == "Month from"
    assert made["filters"] == {"since": "period_start", "slice": "slice"}
    assert made["order"] == ["period_start", "slice"]
    assert "grain" not in made


def test_a_metric_of_a_week_shows_thirteen(metrics):
    made = expand(METRIC, metrics, "EUR", {"week": WEEK_FILTER})
    assert "period_start <= week_start" in made["sql"]
    assert "period_start > cast(week_start - interval '91 day' as date)" in made["sql"]
    assert made["filters"] == {"week": "week"}
    assert WEEK_FILTER["default"] == LATEST
    assert f"'{LATEST}' as week" in made["sql"]


def test_several_metrics_are_a_column_each(metrics):
    made = expand({"metrics": ["cs_score", "latency_p90_ms"]}, metrics, "EUR", {})
    assert made["y"] == ["cs_score", "latency_p90_ms"]
    assert "max(value) filter (where metric = 'cs_score') as cs_score" in made["sql"]
    assert made["sql"].endswith("group by period_start")
    assert made["columns"]["latency_p90_ms"]["label"] == "Latency, 90th percentile"
    assert "name" not in made
    sliced = expand({"metrics": ["cs_score"]}, metrics, "EUR", {"slice": SLICE_FILTER})
    assert sliced["sql"].endswith("group by period_start, dimension, dimension_value")


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("weekly_revenue", {"format": "currency", "decimals": 0, "unit": "EUR"}),
        ("error_rate_pct", {"format": "percent", "decimals": 2}),
        ("latency_p90_ms", {"format": "decimal", "decimals": 0, "unit": "ms"}),
        ("ticket_volume", {"format": "integer", "unit": "tickets"}),
        ("cs_score", {"format": "decimal", "decimals": 2, "unit": "points of 100"}),
    ],
)
def test_the_unit_says_how_a_value_is_shown(metrics, metric, shown):
    value = expand({"metric": metric}, metrics, "EUR", {})["columns"]["value"]
    assert {key: one for key, one in value.items() if key != "label"} == shown


def test_what_the_card_says_itself_stays(metrics):
    made = expand(
        METRIC | {"name": "Ours", "target": "cs_score", "order": ["-x"]}, metrics, "EUR", {}
    )
    assert (made["name"], made["target"], made["order"]) == ("Ours", "cs_score", ["-x"])
    with pytest.raises(ValueError, match="target: the catalogue has no metric nonsense"):
        expand({"sql": "select 1", "target": "nonsense"}, metrics, "EUR", {})


def test_amounts_are_in_the_reporting_currency(tmp_path):
    columns = {
        "account_id": {"label": "Account"},
        "score": {"label": "Amount", "format": "currency"},
        "signed_up_date": {"label": "Cents", "format": "currency", "unit": "cents"},
    }
    settings = project(tmp_path, accounts=board(card(columns=columns)))
    found = read_definitions(settings).dashboards["accounts"].cards[0].columns
    assert [one.unit for one in found.values()] == [None, "EUR", "cents"]


def test_words_in_sql_are_written_out(metrics):
    sql = "select {{ slice }} from {{weeks}} as w, {{ ref('metric_values') }}"
    made = expand({"sql": sql}, metrics, "EUR", {})["sql"]
    assert "{{ slice }}" not in made
    assert "dimension_value end as slice" in made
    assert "as week_start" in made
    assert tables(made) == ["metric_values"]


def test_an_empty_slice_or_week_is_the_generated_filter(tmp_path):
    filters = board()["filters"] | {"slice": {}, "week": {}}
    settings = project(tmp_path, accounts=board(METRIC, ACCOUNTS, filters=filters))
    found = read_definitions(settings).dashboards["accounts"]
    assert found.filters["slice"].default == "All"
    assert found.filters["week"].default == "Latest"
    assert found.cards[0].filters == {"since": "period_start", "slice": "slice", "week": "week"}


def test_the_site_reads_every_column_and_row_in_order(tmp_path):
    found = read_definitions(project(tmp_path, accounts=board(card(limit=5))))
    assert all_rows(found.dashboards["accounts"].cards[0], gold) == (
        "with card as (\n"
        "select account_id, segment, signed_up_date, score from gold.dim_account\n"
        ")\n\n"
        "select * from card\n"
        "order by signed_up_date desc nulls last, account_id nulls last"
    )


def test_metabase_reads_shown_columns_filters_and_limit(tmp_path):
    found = read_definitions(project(tmp_path, accounts=board(card(limit=5))))
    one = found.dashboards["accounts"]
    assert metabase_sql(one.cards[0], one.filters, gold) == (
        "with card as (\n"
        "select account_id, segment, signed_up_date, score from gold.dim_account\n"
        ")\n\n"
        "select account_id, signed_up_date\nfrom card\nwhere 1 = 1"
        "\n[[and signed_up_date >= {{since}}]]"
        "\n[[and segment = {{segment}}]]"
        "\norder by signed_up_date desc nulls last, account_id nulls last\nlimit 5"
    )


def test_tables_are_named_once_in_order():
    assert tables("from {{ ref('b') }} join {{ref(\"a\")}} join {{ ref('b') }}") == ["b", "a"]
