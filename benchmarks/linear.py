"""How the cost of each model grows with a company five times as large, and five times as old.

    python benchmarks/linear.py [--accounts 100] [--weeks 20] [--events 100000]

Builds three simulated companies on an embedded server in a temporary folder: one of this size, one
with five times the accounts (and with them tickets, contracts, events), one with five times the
weeks. Then it runs the SELECT of every table, best of three, and prints CPU seconds of the server
and the exponent: 1 is linear, 2 grows with the square. Models that stay below the floor at five
times the size are left out: what they cost is planning. Exits with 1 when a model grows faster
than the limit.
"""

import argparse
import math
import re
import sys
import tempfile
from datetime import date
from pathlib import Path

from o2r.bronze.loader import load
from o2r.builds.run import dbt
from o2r.lint.joins import compiled_tables, explained
from o2r.settings import Settings, load_settings
from o2r.synthetic import SimulationConfig, generate
from o2r.warehouse import connect, embedded, setup

END = date(2026, 6, 28)
TIMES = 5
LIMIT = 1.15  # exponent
FLOOR = 0.3  # CPU seconds at five times the size

# The server tells the client what each statement cost it.
TELL = "set log_statement_stats = on; set client_min_messages = log"
SPENT = re.compile(r"([0-9.]+) s user, ([0-9.]+) s system, [0-9.]+ s elapsed")


def build(settings: Settings, config: SimulationConfig, folder: Path) -> None:
    """Simulate, load and build one company in a database of its own; no tests."""
    setup(settings)
    generate(config, folder)
    load(folder, None, "benchmark", settings=settings)
    arguments = ["--quiet", "build", "--exclude-resource-type", "test", "unit_test"]
    if dbt(settings, arguments) != 0:
        raise SystemExit("dbt failed")


def measure(settings: Settings) -> dict[str, float]:
    """CPU seconds of the SELECT of each table in a database that `build` made, by model."""
    connection = connect(settings, autocommit=True)
    seconds = {}
    with connection.cursor() as cursor:
        cursor.execute(TELL)
        for model, sql in compiled_tables(settings):
            runs = []
            for _ in range(3):
                connection.notices.clear()
                explained(cursor, sql)
                told = SPENT.findall("".join(connection.notices))
                runs.append(sum(float(user) + float(system) for user, system in told))
            seconds[model["name"]] = min(runs)
    connection.close()
    return seconds


def main() -> int:
    """Measure, print, compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--weeks", type=int, default=20)
    parser.add_argument("--events", type=int, default=100_000)
    size = parser.parse_args()
    companies = {
        "small": (size.accounts, size.weeks, size.events),
        "large": (TIMES * size.accounts, size.weeks, TIMES * size.events),
        "old": (size.accounts, TIMES * size.weeks, TIMES * size.events),
    }
    cost = {}
    with tempfile.TemporaryDirectory(prefix="o2r-linear-") as folder:
        settings = load_settings(home=Path(folder) / "home", host=None)
        embedded.up(settings)
        try:
            for name, (accounts, weeks, events) in companies.items():
                company = settings.model_copy(update={"database": name})
                config = SimulationConfig(
                    end_date=END, accounts=accounts, weeks=weeks, events=events
                )
                build(company, config, Path(folder) / name)
                cost[name] = measure(company)
        finally:
            embedded.down(settings)

    def exponent(model: str, name: str) -> float:
        return math.log(max(cost[name][model], 1e-3) / max(cost["small"][model], 1e-3), TIMES)

    print(f"{'CPU seconds':34}{'small':>8}{'large':>8}{'exp.':>6}{'old':>8}{'exp.':>6}")
    broken = []
    for costs in cost.values():
        costs["all tables"] = sum(costs.values())
    for model in sorted(cost["small"], key=lambda name: -cost["large"][name]):
        line = f"{model:34}{cost['small'][model]:8.2f}"
        for name in ("large", "old"):
            line += f"{cost[name][model]:8.2f}{exponent(model, name):6.2f}"
            if cost[name][model] > FLOOR and exponent(model, name) > LIMIT:
                broken.append(f"{model} of the {name} company: {exponent(model, name):.2f}")
        if max(cost["large"][model], cost["old"][model]) > FLOOR:
            print(line)
    for fault in broken:
        print(f"over {LIMIT}: {fault}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
