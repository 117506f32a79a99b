"""`mfsearch meta-train`: a predictor of distilled accuracy, learned from many small tasks."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean, stdev

import click

from mfsearch.cli.output import code_option, json_option, note, write_json, write_table


@click.command()
@click.argument("config")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for labels and predictor.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that train students.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the config; may be given again."
)
@code_option
@json_option
def meta_train(config: str, out: Path, jobs: int, overrides: tuple[str, ...], allow_code: bool, as_json: bool) -> None:
    """Train a predictor of distilled accuracy on many small tasks.

    CONFIG, a preset (small, full) or a YAML file, says which. Students are distilled and their accuracies kept in OUT as they come; the
    same command goes on. It ends with how the predictor (DaSS) ranks the students of tasks that it has not seen. As a rung it is
    {use: dass, predictor: OUT/predictor.safetensors}.
    """
    from mfsearch.config import read_section
    from mfsearch.report.files import make_folder
    from mfsearch.store.location import home
    from mfsearch.tabulate.lessons import MetaConfig
    from mfsearch.tabulate.meta import meta_training

    _, loaded = read_section(MetaConfig, config, overrides, "meta")
    path, verdict = meta_training(loaded, home(), make_folder(out), jobs, allow_code, note)
    if as_json:
        return write_json(
            {"predictor": str(path), "tasks": list(verdict.tasks), "spearman": {k: list(v) for k, v in verdict.of.items()}}
        )
    if verdict.tasks:
        rows = [
            [name, f"{fmean(found):.3f}", f"{stdev(found):.3f}" if len(found) > 1 else "-", *(f"{one:.2f}" for one in found)]
            for name, found in verdict.of.items()
        ]
        write_table(["rank correlation with the distilled accuracy", "mean", "SD", *verdict.tasks], rows)
    click.echo(f"Predictor: {path}")
