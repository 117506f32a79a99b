"""`mfsearch watch`."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.text import Text

from mfsearch.cli.output import storage_option
from mfsearch.report.live import LiveDisplay
from mfsearch.report.log import PlainLog
from mfsearch.report.status import status_lines, study_status
from mfsearch.report.watch import follow
from mfsearch.store.location import default_storage
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState


@click.command()
@click.argument("name")
@click.option(
    "--every", type=click.FloatRange(min=0.1), default=1.0, show_default=True, metavar="SECONDS", help="Time between two looks."
)
@storage_option
def watch(name: str, every: float, storage: str | None) -> None:
    """Watch a study that another process runs.

    Shows what is spent, what runs and what is best until the study has stopped, or Ctrl-C. Where standard output is no terminal: one
    line for each change.
    """
    store = EventStore(storage or default_storage())
    console = Console(file=sys.stdout)
    if console.is_terminal:
        with LiveDisplay(console) as display:
            follow(store, name, display, every, lambda line: console.print(Text(line), soft_wrap=True))
    else:

        def begun(state: StudyState) -> None:
            if not state.stopped:
                click.echo(status_lines(study_status(store, name))[0])

        follow(store, name, PlainLog(click.echo), every, click.echo, begun)
    for line in status_lines(study_status(store, name)):
        click.echo(line)
