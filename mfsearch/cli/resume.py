"""`mfsearch resume`."""

from __future__ import annotations

import click

from mfsearch.budget import parse_budget
from mfsearch.cli.output import code_option, json_option, storage_option, watching, write_json
from mfsearch.report.answer import answer_lines


@click.command()
@click.argument("name")
@click.option("--budget", metavar="TIME", help="New total; +30min adds to the old one. Default: what is left of it.")
@click.option("--join", is_flag=True, help="Work beside other processes, which share the database alone.")
@click.option(
    "--track",
    multiple=True,
    metavar="KIND[=WHERE]",
    help="Write it to jsonl, tensorboard, mlflow or wandb meanwhile, there or in its folder; may be given again.",
)
@storage_option
@code_option
@json_option
def resume(
    name: str, budget: str | None, join: bool, track: tuple[str, ...], storage: str | None, allow_code: bool, as_json: bool
) -> None:
    """Go on with a study after a stop, a crash, or with more budget."""
    if budget is not None:
        parse_budget(budget)

    from mfsearch.session.run import resume as go_on

    with watching() as watcher:
        outcome = go_on(name, storage=storage, budget=budget, allow_code=allow_code, join=join, track=track, watcher=watcher)
    for line in answer_lines(outcome.summary, outcome.report, outcome.weights):
        click.echo(line)
    if as_json:
        write_json(outcome.to_json())
