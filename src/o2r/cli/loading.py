"""Commands of `o2r` that bring files into bronze, look them over, or take them back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from o2r.cli.terminal import ask_to_take_back, names_in, own_command, print_answer, progress_bar
from o2r.errors import UserError

if TYPE_CHECKING:
    from o2r.bronze.inspection import Folder
    from o2r.bronze.loader import BatchResult
    from o2r.company.file import Statement
    from o2r.settings import Settings

app = typer.Typer()

Force = Annotated[
    bool, typer.Option("--force", help="Also rows that later batches delivered again.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Take back without asking.")]


@app.command()
def load(
    path: Annotated[
        Path | None, typer.Argument(help="CSV, NDJSON or Parquet file, or a folder of them.")
    ] = None,
    mapping: Annotated[Path | None, typer.Option(help="YAML file for foreign names.")] = None,
    tools: Annotated[
        str, typer.Option("--from", help="Tools whose exports these are: stripe,hubspot,...")
    ] = "",
    exported: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the export.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="chapter12 or demo, instead of a path.")
    ] = None,
    mix: Annotated[
        bool, typer.Option("--mix", help="Allow a second dataset in this database.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take back what files of the same names brought before."),
    ] = False,
    force: Force = False,
    yes: Yes = False,
    check: Annotated[
        bool, typer.Option("--check", help="Load nothing; name all that does not fit.")
    ] = False,
) -> None:
    """Load files into bronze; bad rows go to ops.quarantined_rows."""
    from o2r.bronze import loader
    from o2r.demo.datasets import load_dataset
    from o2r.settings import load_settings

    if (path is None) == (dataset is None):
        raise UserError("o2r load: give either a path or --dataset")
    if dataset and (mapping or tools or exported):
        raise UserError(
            "o2r load: --mapping, --from and --exported go with a path; a dataset has its own"
        )
    if dataset and replace:
        raise UserError("o2r load: --replace goes with a path")
    settings = load_settings()
    notes: list[str] = []
    going = None
    if dataset and check:
        raise UserError("o2r load: --check goes with a path")
    how = (
        names_in(tools),
        exported.date().isoformat() if exported else None,
    )
    statement = _company_of(path, settings)
    if check:
        _print_check(loader.open_folder(path, mapping, *how, settings=settings), settings)
        if statement:
            typer.echo(f"{statement.path}: fits")
        return
    if replace:
        batches = loader.to_replace(path, mapping, *how, settings=settings)
        ask_to_take_back(batches, yes=yes)
        going = loader.Replace(frozenset(batch.batch_id for batch in batches), force)
    with progress_bar() as progress:
        if dataset:
            results = load_dataset(dataset, settings, mix=mix, progress=progress)
        else:
            results = loader.load(
                path,
                mapping,
                tools=how[0],
                exported=how[1],
                mix=mix,
                replace=going,
                settings=settings,
                progress=progress,
                note=notes.append,
            )
    _print_results(results)
    if statement:
        from o2r.cli.config import print_loaded
        from o2r.company.file import load_company

        typer.echo(f"{statement.path.name}:")
        print_loaded(load_company(statement, settings))
    for line in notes:
        typer.echo(line, err=True)


def _company_of(path: Path | None, settings: Settings) -> Statement | None:
    """What `company.yml` beside the exports states, with no fault in it; None without one."""
    from o2r.company.file import beside, read, refuse_faults

    found = beside(path) if path else None
    if found is None:
        return None
    statement = read(found, settings)
    refuse_faults(statement, settings)
    return statement


@app.command(name="map")
def propose_mapping(
    folder: Annotated[Path, typer.Argument(help="Folder of exports.")],
    out: Annotated[
        Path | None, typer.Option(help="File for the proposal; default mapping.yml in the folder.")
    ] = None,
) -> None:
    """Say what files are, propose a mapping for them, and which metrics they can give."""
    from o2r.bronze.proposal import propose
    from o2r.contracts import load_contracts
    from o2r.dashboards.lineage import Lineage
    from o2r.settings import load_settings
    from o2r.warehouse.query import Answer

    settings = load_settings()
    target = out or folder / "mapping.yml"
    if target.exists():
        raise UserError(f"o2r map: {target} is there already: name another file with --out")
    found = propose(folder, load_contracts(settings.dbt_dir))
    target.write_text(found.text, encoding="utf-8")
    files = [
        (
            one.file,
            one.kind,
            "yes" if one.is_sure else "no",
            ", ".join(one.tables),
            one.questions,
            ", ".join(one.unplaced),
            one.why,
        )
        for one in found.files
    ]
    names = ["file", "is", "certain", "fills", "questions", "fits nothing", "remark"]
    print_answer(Answer(names, files, ""))
    lineage = Lineage(settings.dbt_dir)
    sure, maybe = (lineage.lacking(found.tables(is_sure=one)) for one in (True, False))
    metrics = [
        (
            metric,
            "yes" if not sure[metric] else "perhaps" if not maybe[metric] else "no",
            ", ".join(sorted(sure[metric])),
        )
        for metric in sorted(sure)
    ]
    print_answer(Answer(["metric", "can be computed", "waits for"], metrics, ""))
    typer.echo(
        f"{target}: answer its questions, then `o2r load {folder} --mapping {target} --check`"
    )


@app.command()
def unload(
    batches: Annotated[
        list[int] | None, typer.Argument(help="Numbers of batches, see ops.load_batches.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="All batches of this file, as in ops.load_batches.")
    ] = None,
    force: Force = False,
    yes: Yes = False,
) -> None:
    """Take batches back: their rows leave bronze, and the next build follows."""
    from o2r.bronze.unload import find
    from o2r.bronze.unload import unload as run_unload
    from o2r.settings import load_settings

    settings = load_settings()
    found = find(settings, batches or [], file)
    ask_to_take_back(found, yes=yes)
    gone = run_unload(settings, found, force=force)
    typer.echo(
        f"taken back: {sum(batch.rows for batch in gone):,} rows of {len(gone)} batches; "
        "`o2r build` or `o2r publish` follows"
    )


def _print_check(folder: Folder, settings: Settings) -> None:
    """Print what a check found; exit code 1 where a file would not be loaded."""
    from o2r.bronze.check import check
    from o2r.warehouse.query import Answer

    notes: list[str] = []
    checked, findings = check(folder, settings=settings, note=notes.append)
    names = ["file", "table", "received", "good", "duplicate", "kept out", "columns ignored"]
    print_answer(Answer(names, [tuple(vars(one).values()) for one in checked], ""))
    names = ["file", "table", "rows", "first row", "what"]
    for stops, title in ((True, "To put right: not loaded as it is"), (False, "To look at")):
        found = [
            (one.file, one.table, one.rows, one.first_row, one.what)
            for one in findings
            if one.stops == stops
        ]
        if found:
            typer.echo(title)
            print_answer(Answer(names, found, ""))
    for line in notes:
        typer.echo(line, err=True)
    if any(one.stops for one in findings):
        raise typer.Exit(1)


def _print_results(results: list[BatchResult]) -> None:
    """Print one line per file, then where the rows kept out can be seen."""
    from o2r.warehouse.query import Answer

    names = ["file", "table", "received", "inserted", "duplicate", "quarantined", "batch"]
    rows = [
        (
            result.source_file,
            result.table,
            result.received,
            result.inserted,
            result.duplicate,
            result.quarantined,
            "already loaded" if result.already_loaded else result.batch_id,
        )
        for result in results
    ]
    print_answer(Answer(names, rows, ""))
    for result in results:
        if result.replaced:
            typer.echo(
                f"{result.source_file}: replaces batch {', '.join(map(str, result.replaced))}"
            )
        if result.warning:
            typer.echo(f"warning: {result.warning}", err=True)
    batches = [str(result.batch_id) for result in results if result.quarantined]
    if batches:
        typer.echo(
            f'rows kept out: {own_command()} sql "select batch_id, row_number, reason, original '
            f'from ops.quarantined_rows where batch_id in ({", ".join(batches)})"'
        )
