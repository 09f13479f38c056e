"""The page of readiness on gold: days and lag of feeds, reasons without persons, final metrics."""

from markupsafe import escape

from o2r.dashboards.site.build import common, readiness_tables
from o2r.dashboards.site.gold import Gold
from o2r.dashboards.site.render import environment
from o2r.settings import Settings


def test_the_page_tells_what_was_delivered_and_kept_out(small: Settings) -> None:
    with Gold(small, "prod") as gold:
        found = gold.readiness()
        shared = common(gold) | {"menu": [], "scripts": [], "title": "Readiness"}
    page = (
        environment()
        .get_template("readiness.html")
        .render(root="./", current="readiness.html", **shared, **readiness_tables(found))
    )
    sources = {one.table: one for one in found.sources}
    requests = sources["inference_user_token_usage_open_source"]
    assert None not in (requests.first_day, requests.last_day, requests.behind)
    assert sum(one.kept_out for one in sources.values()) == sum(one.rows for one in found.kept_out)
    assert found.kept_out, "the small company delivers malformed rows"
    assert all(str(escape(one.reason)) in page for one in found.kept_out)
    assert "@" not in page
    finals = {one.metric: one.final_period for one in found.metrics}
    assert finals["weekly_revenue"]
    assert not any(one.lacks for one in found.metrics if one.final_period)
