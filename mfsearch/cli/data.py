"""`mfsearch data`: tables of measured architectures. Import them, list them, say where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mfsearch.cli.output import json_option, note, write_json, write_table
from mfsearch.errors import ConfigError, DataError


@click.group()
def data() -> None:
    """Import tables of measured architectures, list them, or say where they lie."""


@data.command("import")
@click.argument("benchmark", type=click.Choice(["nasbench201", "mfkd-nst240", "mfkd-mobilenetv2"]))
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--proxies", type=click.Path(path_type=Path, dir_okay=False), metavar="CSV", help="Scores of untrained networks.")
@click.option("--proxies-dataset", default="cifar10", show_default=True, metavar="NAME", help="Dataset of those scores.")
@click.option("--name", help="Name of the table; its problems begin with it. Default: the benchmark's.")
@json_option
def import_table(
    benchmark: str, source: Path, proxies: Path | None, proxies_dataset: str, name: str | None, as_json: bool
) -> None:
    """Import a benchmark from SOURCE.

    For nasbench201, SOURCE is a NATS-Bench folder (topology, 'simple' format), the official NAS-Bench-201 .pth file, or a CSV file
    with columns like cifar10_test_e200. For the measurements of MF-KD's authors (mfkd-...) it is a CSV file. A table of the same name
    is replaced once the import has gone well.
    """
    from mfsearch.store.location import home
    from mfsearch.tables.importing import import_mfkd, import_nasbench201

    if benchmark == "nasbench201":
        name = name or benchmark
        about = import_nasbench201(home(), source, name, proxies, proxies_dataset)
    else:
        if proxies is not None or name not in (None, benchmark):
            raise ConfigError(f"--proxies and --name are for nasbench201; got one with {benchmark}. Leave it out.")
        name = benchmark
        about = import_mfkd(home(), benchmark, source)
    for missing in about.missing:
        note(f"Missing or damaged: {missing}")
    row = _row(home(), name)
    if as_json:
        return write_json(row)
    click.echo(
        f"Imported {about.architectures:,} architectures from {about.source}: {about.finals:,} final values, "
        f"{about.curve_rows:,} on the way there, {len(about.scores)} kinds of scores."
    )
    click.echo(f"Table: {row['path']}")
    click.echo(f"Problems: {', '.join(row['problems']) or 'none, for no dataset has validation accuracies'}")
    if row["notes"]:
        click.echo(row["notes"])
    if row["problems"]:
        click.echo(_next(row["problems"]))


@data.command("list")
@json_option
def list_tables(as_json: bool) -> None:
    """List the imported tables and their problems."""
    from mfsearch.store.location import home
    from mfsearch.tables.table import table_names

    rows = []
    for name in table_names(home()):
        try:
            rows.append(_row(home(), name))
        except DataError as error:
            note(f"Not readable: {error}")
    if as_json:
        return write_json({"tables": rows})
    if not rows:
        return click.echo("No table was imported. Run: mfsearch data import nasbench201 SOURCE")
    write_table(
        ["table", "from", "architectures", "values", "scores", "problems", "missing"],
        [
            [
                row["table"],
                row["source"],
                f"{row['architectures']:,}",
                f"{row['finals'] + row['curve_rows']:,}",
                str(len(row["scores"])),
                ", ".join(row["problems"]),
                "; ".join(f"{m['what']}: {m['count']:,}" for m in row["missing"]) or "-",
            ]
            for row in rows
        ],
    )
    for notes in dict.fromkeys(row["notes"] for row in rows if row["notes"]):
        click.echo(f"\n{notes}")


@data.command()
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Say where the tables lie, or the one called NAME."""
    from mfsearch.store.location import home
    from mfsearch.tables.table import read_about, table_path

    if name is None:
        return click.echo(home() / "tables")
    read_about(home(), name)
    click.echo(table_path(home(), name))


def _next(problems: list[str]) -> str:
    """What to type to search one of the problems; those with a preset need no config."""
    from mfsearch.config import presets

    ready = [name for name in problems if name in presets()]
    if ready:
        return f"Search one: mfsearch run {ready[0]} --budget 4gpu-hours"
    return f"Search one: mfsearch run CONFIG --budget 4gpu-hours, with 'problem: {problems[0]}' in CONFIG"


def _row(home: Path, name: str) -> dict[str, Any]:
    """What there is to say of a table; JSON."""
    from dataclasses import asdict

    from mfsearch.problems.tabular import NOTES, problem_name, searchable
    from mfsearch.tables.importing import MFKD
    from mfsearch.tables.table import read_about, table_path

    about = read_about(home, name)
    own = about.kind in MFKD  # a problem that is called like its table, and says of itself what its figures are
    problems = [name] if own else [problem_name(name, dataset) for dataset in searchable(about)]
    notes = "" if own else NOTES
    return {"table": name, "path": str(table_path(home, name)), **asdict(about), "problems": problems, "notes": notes}
