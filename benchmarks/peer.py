"""What this project costs beside the book's own dbt project, on the same rows of the same server.

    python benchmarks/peer.py CHECKOUT [--events 1000000] [--repeats 3] [--engine duckdb]

CHECKOUT: github.com/btg-case-studies-with-dbt/single-dbt-opensource, packages installed in its
folder `dbt` (of those that packages.yml names, its models need dbt_utils and dbt_expectations).
A company of 200 accounts and 90 days is loaded into an embedded server in a temporary folder, but
for the newest of its requests, and copied for the other project, with its names of columns. Then,
in turn, each project builds all anew, builds again with nothing new, and builds once more after a
hundredth of the requests came in. This project builds what the other has too: the models of its
names with all that they read, and their tests; with --engine on that engine, handed back to
PostgreSQL, where the first export of bronze is not counted. CPU seconds are those of client and
server. Exits with 1 above a limit, or when a model of the other project cannot be built.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import yaml

from cost import Cost, cost
from o2r.bronze.loader import load
from o2r.builds.manifests import FILE, relations
from o2r.builds.manifests import load as load_manifest
from o2r.builds.run import WITHOUT_UNIT_TESTS, run_dbt, target_lock, work_dir
from o2r.contracts import load_contracts
from o2r.lake.engines import engine_of
from o2r.lake.export import export, lake_of
from o2r.lake.hand_back import hand_back
from o2r.settings import Settings, load_settings
from o2r.synthetic import SimulationConfig, generate
from o2r.warehouse import connect, embedded, setup
from o2r.warehouse.connection import connection_parameters
from o2r.warehouse.query import Session

END = date(2026, 6, 28)
WEEKS = 13
ACCOUNTS = 200
BRONZE = "peer_bronze"
LIMITS = {"all anew": 0.7, "nothing new": 0.1, "1 % more": 0.35}
"""CPU seconds of this project's comparable part, in those of the other project."""
ENGINE_LIMITS = {"all anew": 0.33, "1 % more": 0.33}
"""The same on another engine, which builds all anew each time."""
HANDED_BACK = "peer_handed_back"
TOKENS = {
    f"{kind}_tokens": f"{kind}_token" for kind in ("input", "output", "cache_read", "cache_write")
}
RENAMED = {
    "config_model_dimensions": {
        "publisher": "publisher_name",
        "display_name": "model_display_name",
        "resource_name": "model_resource_name",
        "version": "model_version",
        "task": "model_task",
    },
    "config_model_region_availability": {},
    "customer_details": {
        "company": "company_name",
        "owner": "account_owner",
        "email": "account_email",
    },
    "inference_user_token_usage_open_source": TOKENS,
    "inference_user_token_usage_proprietary": TOKENS,
    "quota_customer_rate_limit_adjustments": {
        "reason": "adjustment_reason",
        "approver": "approved_by",
    },
    "quota_customer_rate_limit_requests": {},
    "quota_default_rate_limits": {},
    "resource_accelerator_inventory": {
        **{
            f"{kind}_instances": f"{kind}_instance"
            for kind in ("total", "idle", "warmpool", "used")
        },
        "service_account": "service_account_id",
        "consumer_account": "consumer_account_id",
    },
    "resource_model_instance_allocation": {},
    "resource_model_utilization": {"role": "instance_role"},
    "revenue_account_daily": {
        **{f"gross_revenue_{kind}": f"gross_rev_{kind}" for kind in TOKENS},
        "savings_plan_amount": "savings_plan",
    },
}
"""Bronze tables of the other project, and its names for columns of ours."""
MADE = {
    "customer_details": {"company_id": "account_id", "account_size": "'SMB'"},
    "resource_accelerator_inventory": {"consumer_account_name": "cast(null as text)"},
    "resource_model_utilization": {
        "pod_name": "cast(null as text)",
        "instance_id": "cast(null as text)",
    },
}
"""Columns that it reads, of which a simulated company has none, or other words."""
NEWEST = {
    "config_model_dimensions": "model_variant",
    "config_model_region_availability": "model_variant, source_region",
    "customer_details": "account_id",
}
"""Tables of which it expects the newest state only, one row for each of these."""


def simulate(folder: Path, events: int, parts: int) -> None:
    """Write a company to `base`, its newest hundredths of requests to `news 0`, `news 1`, ..."""
    base = folder / "base"
    generate(SimulationConfig(end_date=END, accounts=ACCOUNTS, weeks=WEEKS, events=events), base)
    for path in base.glob("inference_user_token_usage_*.parquet"):
        rows = pq.read_table(path).sort_by("event_timestamp")
        size = len(rows) // 100
        for part in range(parts):
            news = folder / f"news {part}" / path.name
            news.parent.mkdir(exist_ok=True)
            pq.write_table(rows.slice(len(rows) - (parts - part) * size, size), news)
        pq.write_table(rows.slice(0, len(rows) - parts * size), path)


class Peer:
    """The other project, copied to a folder of its own."""

    def __init__(self, settings: Settings, checkout: Path, folder: Path) -> None:
        self._settings, self._dbt, self._seen = settings, folder / "dbt", 0
        shutil.copytree(checkout / "dbt", self._dbt, ignore=shutil.ignore_patterns("target"))
        packages = self._dbt / "dbt_packages"
        if not packages.is_dir():
            raise SystemExit(f"{checkout / 'dbt'}: its packages are not installed: run `dbt deps`")
        (self._dbt / "package-lock.yml").unlink(missing_ok=True)
        names = sorted(path.name for path in packages.iterdir())  # dbt counts them
        _write(
            self._dbt / "packages.yml",
            {"packages": [{"local": f"dbt_packages/{name}"} for name in names]},
        )
        sources = self._dbt / "models" / "staging" / "sources.yml"
        sources.write_text(sources.read_text().replace("schema: raw_bronze", f"schema: {BRONZE}"))
        profile = yaml.safe_load((self._dbt / "dbt_project.yml").read_text())["profile"]
        connection = {"type": "postgres", "schema": "peer", "threads": 4}
        connection |= connection_parameters(settings)
        _write(
            self._dbt / "profiles.yml",
            {profile: {"target": "peer", "outputs": {"peer": connection}}},
        )

    def deliver(self) -> None:
        """Copy to its bronze what is new in ours."""
        connection = connect(self._settings, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute(f"create schema if not exists {BRONZE}")
            for table, renamed in RENAMED.items():
                cursor.execute(f"select * from raw_bronze.{table} limit 0")
                names = {
                    renamed.get(found.name, found.name): found.name for found in cursor.description
                }
                names |= MADE.get(table, {})
                columns = [f"{expression} as {name}" for name, expression in names.items()]
                key = NEWEST.get(table)
                select = f"select {f'distinct on ({key})' if key else ''} {', '.join(columns)} "
                select += f"from raw_bronze.{table}"
                cursor.execute(f"create table if not exists {BRONZE}.{table} as {select} limit 0")
                cursor.execute(
                    f"insert into {BRONZE}.{table} {select} where batch_id > {self._seen}"
                    + (f" order by {key}, loaded_at desc" if key else "")
                )
                cursor.execute(f"analyze {BRONZE}.{table}")
            cursor.execute("select max(batch_id) from ops.load_batches")
            [(self._seen,)] = cursor.fetchall()
        connection.close()

    def names(self) -> list[str]:
        """What it builds for its readers: marts, intermediate models and snapshots."""
        return sorted(
            path.stem
            for part in ("models/intermediate", "models/marts", "snapshots")
            for path in (self._dbt / part).rglob("*.sql")
        )

    def build(self, *, anew: bool = False) -> None:
        """`dbt build`; its tests may find faults, but all its models have to be built."""
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build"]
        subprocess.run(
            [*command, "--profiles-dir", ".", *(["--full-refresh"] if anew else [])],
            cwd=self._dbt, check=False, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        results = json.loads((self._dbt / "target" / "run_results.json").read_text())["results"]
        for result in results:
            if result["status"] == "error" or (
                result["status"] == "skipped" and not result["unique_id"].startswith("test.")
            ):
                raise SystemExit(f"{result['unique_id']}: {result['message']}")


def _write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content))


class Own:
    """This project, as its user runs it."""

    def __init__(self, settings: Settings, names: list[str]) -> None:
        self.settings = settings
        known = {path.stem for path in (settings.dbt_dir).rglob("*.sql")}
        self.selected = [f"+{name}" for name in names if name in known]

    def deliver(self) -> None:
        """Do what comes after a load and is not counted."""

    def build(self, *, anew: bool = False) -> None:
        """`o2r build` of the comparable part."""
        arguments = ["build", "--quiet", "--select", *self.selected]
        subprocess.run(
            [
                *(sys.executable, "-c", "from o2r.cli.main import app; app()"),
                *arguments,
                *(["--full-refresh"] if anew else []),
            ],
            env={
                **os.environ,
                "O2R_HOME": str(self.settings.home),
                "POSTGRES_HOST": "",
                "POSTGRES_DB": self.settings.database,
            },
            check=True,
            stdout=subprocess.DEVNULL,
        )


class OnEngine(Own):
    """This project on another engine; the tables it is compared for go back to PostgreSQL."""

    def __init__(self, settings: Settings, names: list[str], engine: str) -> None:
        super().__init__(settings, names)
        self._engine, self._exported = engine_of(settings, engine), False

    def deliver(self) -> None:
        """Export bronze, the first time."""
        if not self._exported:
            with Session(self.settings) as session:
                export(session, lake_of(self.settings))
            self._exported = True

    def build(self, *, anew: bool = False) -> None:
        """Export what is new, build and test the comparable part, hand it back."""
        engine, lake = self._engine, lake_of(self.settings)
        with target_lock(self.settings, "prod") as lock, Session(self.settings) as session:
            export(session, lake)
            engine.open_bronze(lake, sorted(load_contracts(self.settings.dbt_dir)))
            command = ["--quiet", "build", *WITHOUT_UNIT_TESTS, "--select", *self.selected]
            variables = engine.variables()
            if run_dbt(session, command, engine.name, lock=lock, variables=variables) != 0:
                raise SystemExit(f"dbt build on {engine.name} failed: see what is printed above")
            with session.transaction() as cursor:
                cursor.execute(f"drop schema if exists {HANDED_BACK} cascade")
                cursor.execute(f"create schema {HANDED_BACK}")
                cursor.execute(f"delete from ops.table_states where schema_name = '{HANDED_BACK}'")
            names = {name.removeprefix("+") for name in self.selected}
            manifest = load_manifest(work_dir(self.settings, engine.name) / "target" / FILE)
            for node in relations(manifest).values():
                if node["name"] in names:
                    hand_back(session, engine, node, HANDED_BACK, datetime.now(UTC))


def measure(
    settings: Settings, folder: Path, checkout: Path, parts: int, engine: str
) -> dict[str, list[Cost]]:
    """Costs of each work, one after the other of this project and of the peer, in turn."""
    theirs = Peer(settings, checkout, folder / "peer")
    names = theirs.names()
    is_own = engine == "postgres"
    ours = Own(settings, names) if is_own else OnEngine(settings, names, engine)
    costs: dict[str, list[Cost]] = {}

    def deliver(files: Path) -> None:
        load(files, None, "benchmark", settings=settings)
        theirs.deliver()
        ours.deliver()

    def compare(work: str, *, anew: bool = False) -> None:
        for name, project in (("ours", ours), ("theirs", theirs)):
            spent = cost(settings, partial(project.build, anew=anew))
            costs.setdefault(f"{work}, {name}", []).append(spent)
            print(f"{work}, {name}: {spent.cpu:.1f} CPU s, {spent.wall:.1f} s on the clock")

    setup(settings)
    deliver(folder / "base")
    for part in range(parts):
        compare("all anew", anew=True)
        if is_own:
            ours.build()  # tests that a build in full has not run on rows that stayed
            compare("nothing new")
        deliver(folder / f"news {part}")
        compare("1 % more")
    return costs


def report(costs: dict[str, list[Cost]], limits: dict[str, float]) -> int:
    """Print medians and ratios; returns 1 when one is above its limit."""
    code = 0
    print(f"{'CPU s (s on the clock)':24}{'peer':>16}{'this project':>16}{'ratio':>8}{'limit':>8}")
    for work, limit in limits.items():
        ours, theirs = (
            Cost(*map(statistics.median, zip(*costs[f"{work}, {name}"], strict=True)))
            for name in ("ours", "theirs")
        )
        ratio = ours.cpu / theirs.cpu
        cells = [f"{one.cpu:.1f} ({one.wall:.1f})" for one in (theirs, ours)]
        print(f"{work:24}{cells[0]:>16}{cells[1]:>16}{ratio:8.2f}{limit:8.2f}")
        code |= ratio > limit
    return code


def main() -> int:
    """Run both in turn, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--engine", default="postgres")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="o2r-peer-") as name:
        folder = Path(name)
        simulate(folder, options.events, options.repeats)
        settings = load_settings(home=folder / "home", host=None)
        embedded.up(settings)
        try:
            costs = measure(settings, folder, options.checkout, options.repeats, options.engine)
        finally:
            embedded.down(settings)
    return report(costs, LIMITS if options.engine == "postgres" else ENGINE_LIMITS)


if __name__ == "__main__":
    sys.exit(main())
