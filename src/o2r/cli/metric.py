"""Commands `o2r metric`: a new metric, what is wrong with the metrics, the files made of them."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

app = typer.Typer(help="The metrics of the folder metrics/.", no_args_is_help=True)

ASKED = {
    "name": "Name for people",
    "book": "Identifier in the book, or 'ours'",
    "layer": "Layer: revenue, customer or product_performance",
    "formula": "Formula in words",
    "unit": "Unit, such as % or currency",
    "direction": "Is up or down good",
    "owner": "Owner: PRD, GTM, CS or ENG",
    "additivity": "additive, stock, count, ratio or percentile",
    "region_basis": "What region means: account home, serving region or not applicable",
    "mart": "Mart that computes it",
    "grains": "Grains, such as week,month",
    "dimensions": "Dimensions beside the total, such as plan_tier,segment,region",
    "value": "Value: an expression over the columns of the mart",
    "numerator": "Numerator, if it has one",
    "denominator": "Denominator, if it has one",
    "feeds": "Feeds that a period needs in full, as in seeds/feeds.csv",
    "no_semantic": "Why MetricFlow cannot give it (edit the file if it can)",
}
LISTS = {"grains", "dimensions", "feeds"}
OPTIONAL = {"numerator", "denominator", "dimensions"}


def asked(key: str) -> Any:
    """Type of an option that says what would be asked."""
    return Annotated[str | None, typer.Option(help=ASKED[key], show_default=False)]


@app.command()
def new(
    metric: Annotated[str, typer.Argument(help="Key, such as refund_rate_pct.")],
    name: asked("name") = None,
    book: asked("book") = None,
    layer: asked("layer") = None,
    formula: asked("formula") = None,
    unit: asked("unit") = None,
    direction: asked("direction") = None,
    owner: asked("owner") = None,
    additivity: asked("additivity") = None,
    region_basis: asked("region_basis") = None,
    mart: asked("mart") = None,
    where: Annotated[
        str | None, typer.Option(help="Which rows of the mart, if not all", show_default=False)
    ] = None,
    grains: asked("grains") = None,
    dimensions: asked("dimensions") = None,
    value: asked("value") = None,
    numerator: asked("numerator") = None,
    denominator: asked("denominator") = None,
    feeds: asked("feeds") = None,
    final_after_days: Annotated[int, typer.Option(help="0 if its value is final at once.")] = 0,
    no_semantic: asked("no_semantic") = None,
) -> None:
    """Write metrics/<metric>.yml and what is made from it; asks for what no option says."""
    from o2r.metrics.new import create
    from o2r.settings import load_settings

    given = {key: found for key, found in locals().items() if key in ASKED and found is not None}
    project = load_settings().project
    said: dict[str, Any] = {}
    for key, question in ASKED.items():
        if key in given:
            said[key] = given[key]
        elif sys.stdin.isatty():
            said[key] = typer.prompt(question, default="" if key in OPTIONAL else None)
    said = {key: text for key, text in said.items() if text != ""}
    for key in LISTS & said.keys():
        said[key] = [word for word in said[key].replace(",", " ").split() if word != "all"]
    if where:
        said["where"] = where
    if final_after_days:
        said["final_after_days"] = final_after_days
    for path in create(project, metric, said):
        typer.echo(path.relative_to(project))


@app.command()
def check() -> None:
    """Name every mistake in metrics/ and every file made from it that is out of date."""
    from o2r.metrics import problems, read
    from o2r.settings import load_settings

    project = load_settings().project
    registry = read(project)
    found = problems(registry, project)
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo(f"{len(registry.metrics)} metrics")


@app.command()
def write() -> None:
    """Write the seeds, the macro, the semantic metrics and the pages made from the metrics."""
    from o2r.errors import UserError
    from o2r.metrics import read
    from o2r.metrics import write as run_write
    from o2r.settings import load_settings

    project = load_settings().project
    registry = read(project)
    if registry.errors:
        raise UserError("; ".join(registry.errors))
    for path in run_write(registry, project):
        typer.echo(path.relative_to(project))
