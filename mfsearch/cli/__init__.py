"""The command line. Commands are loaded when they are called, so that help is quick."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import Any

import click

from mfsearch import __version__
from mfsearch.errors import MfsearchError

# Name -> module, attribute, help: what the list of commands shows is known without loading them.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "run": ("run", "run", "Search within a budget, and recommend an architecture."),
    "resume": ("resume", "resume", "Go on with a study after a stop, a crash, or with more budget."),
    "status": ("studies", "status", "Show what a study has spent, what it runs, and its best so far."),
    "list": ("studies", "list_studies", "List the studies of the database."),
    "watch": ("watch", "watch", "Watch a study that another process runs."),
    "why": ("why", "why", "Say why an evaluation was made, or what a rung taught."),
    "best": ("studies", "best", "Show the recommended architecture of a study."),
    "export": ("studies", "export", "Write the recommended architecture to a folder, or all that was measured to tables."),
    "report": ("studies", "report", "Write the report of a study as one HTML page, or a page that compares several studies."),
    "score": ("score", "score", "Compute a problem's scores of given architectures."),
    "bench": ("bench", "bench", "Compare methods on a problem with known truth, at equal cost, over many seeds."),
    "data": ("data", "data", "Import tables of measured architectures, list them, or say where they lie."),
    "table": ("table", "table", "Measure a table of one's own: every rung of a ladder on the same architectures."),
    "meta-train": ("meta_train", "meta_train", "Train a predictor of distilled accuracy on many small tasks."),
    "reproduce": ("reproduce", "reproduce", "Repeat experiments of papers: from their authors' measurements, and live."),
    "config": ("config", "config", "Show presets, the schema of configs, or check one."),
}


class LazyGroup(click.Group):
    """Loads a command when it is called, and reports errors: the one place where they become messages and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"mfsearch.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, without loading anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever goes wrong is one message, and an exit code."""
        try:
            return super().invoke(ctx)
        except MfsearchError as error:
            _fail(ctx, str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail(ctx, "interrupted.", 130)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            hint = "This should not happen; set MFSEARCH_DEBUG=1 to see where it comes from."
            _fail(ctx, f"{type(error).__name__}: {' '.join(str(error).split())}. {hint}", 1)


def _fail(ctx: click.Context, message: str, code: int) -> None:
    if os.environ.get("MFSEARCH_DEBUG"):
        traceback.print_exc(file=sys.stderr)
    click.echo(f"Error: {message}", err=True)
    ctx.exit(code)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Begin with: mfsearch run --budget 3min"
)
@click.version_option(__version__, prog_name="mfsearch")
def main() -> None:
    """Bayesian multi-fidelity search for neural architectures, within a budget of device time."""
