"""The reconciliation finds no difference in a company delivered with every fault there is."""

from tests.metrics.warehouse import NewDatabase, clone, execute, frame, small_gold

from o2r.builds.manifests import FILE, load
from o2r.builds.reconcile import reconcile, start
from o2r.builds.run import work_dir
from o2r.settings import Settings
from o2r.warehouse.query import Session


def test_faulty_deliveries_add_up(new_database: NewDatabase) -> None:
    built = small_gold(new_database)
    settings: Settings = clone(built, "small_reconciled")
    execute(settings, "insert into ops.builds (target, fingerprint) values ('prod', '')")
    manifest = load(work_dir(built, "prod") / "target" / FILE)
    with Session(settings) as session:
        found = reconcile(session, 1, "prod", manifest, start(session))
    assert len({row.unit for row in found if row.check == "revenue"}) > 1
    assert all(row.bronze for row in found)
    assert {row.left_out_count for row in found} == {0}
    versions = frame(
        settings,
        "select count(*), count(distinct ticket_id) from raw_bronze.support_tickets",
    ).iloc[0]
    assert versions.iloc[0] > versions.iloc[1], "there is a choice of versions"
