"""What commands share: their common options, and how they write to the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from mfsearch.report.live import LiveDisplay
from mfsearch.report.log import PlainLog
from mfsearch.session.outcome import Watcher

_Command = TypeVar("_Command", bound=Callable[..., Any])


def storage_option(command: _Command) -> _Command:
    """`--storage`."""
    text = "Database URL, such as sqlite:///studies.db. Default: MFSEARCH_STORAGE, else a file in MFSEARCH_HOME."
    return click.option("--storage", metavar="URL", help=text)(command)


def json_option(command: _Command) -> _Command:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write one JSON object on the last line of standard output.")(
        command
    )


def code_option(command: _Command) -> _Command:
    """`--allow-code`."""
    text = "Run code that the config names (use: package.module:Class)."
    return click.option("--allow-code", is_flag=True, help=text)(command)


@contextmanager
def watching() -> Iterator[Watcher]:
    """A live display where standard error is a terminal, and log lines there where it is none."""
    console = Console(file=sys.stderr)
    if console.is_terminal:
        with LiveDisplay(console) as display:
            yield Watcher(display.on_event, display.on_progress, lambda line: console.print(Text(line), soft_wrap=True))
    else:
        log = PlainLog(note)
        yield Watcher(log.on_event, log.on_progress, note)


def note(line: str) -> None:
    """A line for the user that is not part of the answer: to standard error."""
    click.echo(line, err=True)


def write_json(value: Any) -> None:
    """One line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
