"""Commands that look at studies: status, list, best, export, report. None of them changes one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mfsearch.cli.output import code_option, json_option, storage_option, write_json, write_table
from mfsearch.report.answer import answer_lines
from mfsearch.report.status import best_figure, status_lines, study_status
from mfsearch.store.location import default_storage
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds


@click.command()
@click.argument("name")
@storage_option
@json_option
def status(name: str, storage: str | None, as_json: bool) -> None:
    """Show what a study has spent, what it runs, and its best so far."""
    found = study_status(EventStore(storage or default_storage()), name)
    if as_json:
        return write_json(found)
    for line in status_lines(found):
        click.echo(line)


@click.command("list")
@storage_option
@json_option
def list_studies(storage: str | None, as_json: bool) -> None:
    """List the studies of the database."""
    store = EventStore(storage or default_storage())
    found = [study_status(store, name) for name in store.names()]
    if as_json:
        return write_json(found)
    if not found:
        return click.echo(f"No studies yet in {store.url}. Start one with: mfsearch run --budget 3min")
    rows = [
        [
            s["study"],
            s["state"],
            f"{format_seconds(s['spent_seconds'])} of {format_seconds(s['budget_seconds'])}",
            str(s["observations"]),
            best_figure(s),
        ]
        for s in found
    ]
    write_table(["study", "state", "spent", "evaluations", "best"], rows)


@click.command()
@click.argument("name")
@storage_option
@code_option
@json_option
def best(name: str, storage: str | None, allow_code: bool, as_json: bool) -> None:
    """Show the recommended architecture of a study."""
    summary = _summary(name, storage, allow_code)
    if as_json:
        return write_json({"study": name, **(summary["answer"] or {"architecture": None})})
    for line in answer_lines(summary):
        click.echo(line)


@click.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the recommended architecture.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["json", "pytorch"]),
    default="pytorch",
    show_default=True,
    help="json: architecture.json alone. pytorch: weights.safetensors and model.py as well, which need PyTorch alone.",
)
@click.option("--observations", metavar="FILE", help="Write every evaluation to a table, .parquet or .csv.")
@click.option("--scores", metavar="FILE", help="Write every scored architecture to a table, .parquet or .csv.")
@storage_option
@code_option
@json_option
def export(
    name: str,
    out: Path | None,
    kind: str,
    observations: str | None,
    scores: str | None,
    storage: str | None,
    allow_code: bool,
    as_json: bool,
) -> None:
    """Write the recommended architecture to a folder, or all that was measured to tables."""
    from mfsearch.errors import ConfigError
    from mfsearch.report.frame import check_ending, observations_table, scores_table, write_table

    tables = {"observations": (observations, observations_table), "scores": (scores, scores_table)}
    files = {what: (check_ending(Path(file)), table) for what, (file, table) in tables.items() if file is not None}
    if out is None and not files:
        raise ConfigError("an export must say what to write; got nothing. Add --out DIR, --observations FILE or --scores FILE.")
    paths = {}
    if files:
        state = StudyState.replay(EventStore(storage or default_storage()).events(name))
        paths = {what: str(write_table(table(state), path)) for what, (path, table) in files.items()}
    if out is not None:
        paths |= _write_answer(name, out, kind, storage, allow_code)
    if as_json:
        return write_json({"study": name, **paths})
    for path in paths.values():
        click.echo(path)


def _write_answer(name: str, out: Path, kind: str, storage: str | None, allow_code: bool) -> dict[str, str]:
    from mfsearch.errors import StudyError
    from mfsearch.report.export import describe, write_description, write_network
    from mfsearch.report.files import make_folder
    from mfsearch.session.stored import look

    snapshot = look(name, storage, allow_code)
    found, problem = snapshot.recommendation, snapshot.problem
    if found is None:
        raise StudyError(
            f"study {name!r} must have an evaluation to recommend something; it has none. Go on with it: mfsearch resume {name}"
        )
    folder = make_folder(out)
    paths = {}
    if kind == "pytorch":
        paths["weights"] = str(write_network(folder, name, found, problem.space, problem.task))
        paths["model"] = str(folder / "model.py")
    paths["architecture"] = str(write_description(folder, describe(name, found, problem.space, problem.task)))
    return paths


@click.command()
@click.argument("names", metavar="STUDY...", nargs=-1, required=True)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["html", "markdown", "json"]),
    default="html",
    show_default=True,
    help="html writes a page; markdown and json show the report.",
)
@click.option("--markdown", "kind", flag_value="markdown", help="Short for --format markdown.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write page, Markdown and JSON to. Default: that of the study's run, else one in mfsearch-out.",
)
@click.option(
    "--png", "images", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write the charts as images, too."
)
@storage_option
@code_option
@json_option
def report(
    names: tuple[str, ...], kind: str, out: Path | None, images: Path | None, storage: str | None, allow_code: bool, as_json: bool
) -> None:
    """Write the report of a study as one HTML page, or a page that compares several studies.

    --markdown and --json show the report instead, and write nothing unless --out or --png names a folder.
    """
    if out is None and images is None and (as_json or kind != "html"):
        return _show([_summary(name, storage, allow_code) for name in names], "line" if as_json else kind)
    from mfsearch.session.reporting import write_reports

    written = write_reports(names, storage=storage, allow_code=allow_code, out=out, images=images)
    if as_json:
        return write_json(written.to_json())
    click.echo(str(written.page))
    for image in written.images:
        click.echo(str(image))


def _show(summaries: list[dict[str, Any]], kind: str) -> None:
    """One object for one study; for several, a list under `studies`, or their reports one after the other."""
    found = summaries[0] if len(summaries) == 1 else {"studies": summaries}
    if kind == "line":
        return write_json(found)
    if kind == "json":
        return click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    from mfsearch.report.markdown import to_markdown

    click.echo("\n".join(to_markdown(summary) for summary in summaries), nl=False)


def _summary(name: str, storage: str | None, allow_code: bool) -> dict[str, Any]:
    from mfsearch.report.summary import summarise
    from mfsearch.session.stored import environment, look

    snapshot = look(name, storage, allow_code)
    return summarise(name, snapshot.state, snapshot.recommendation, environment(), snapshot.problem.description)
