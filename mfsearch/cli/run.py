"""`mfsearch run`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mfsearch.budget import parse_budget
from mfsearch.config import DEFAULT_PRESET, load_config


@click.command()
@click.argument("config", required=False)
@click.option("--budget", metavar="TIME", help="Device time to spend: 3min, 4gpu-hours, '1.5 gpu-days'. Default: the config's.")
@click.option("--study", metavar="NAME", help="Name of the study. Default: the config's, else a new one.")
@click.option(
    "--storage",
    metavar="URL",
    help="Database URL, such as sqlite:///studies.db. Default: MFSEARCH_STORAGE, else in MFSEARCH_HOME.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random.")
@click.option("--policy", metavar="NAME", help="What decides: cost_aware, random, ...")
@click.option(
    "--executor",
    metavar="NAME",
    help="Where evaluations run: serial, local (worker processes), ray (a cluster), or virtual for simulated costs.",
)
@click.option(
    "--ray-address", metavar="HOST:PORT", help="Ray cluster, or auto for the one that runs here. Default: one is started."
)
@click.option("--workers", type=click.IntRange(min=1), help="Evaluations at a time.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the config; may be given again."
)
@click.option(
    "--warm-start",
    metavar="STUDY/CSV/optuna:URL#STUDY",
    help="Take the evaluations of a study, a CSV file or an Optuna study over, free of charge.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for report and weights. Default: mfsearch-out/NAME."
)
@click.option(
    "--track",
    multiple=True,
    metavar="KIND[=WHERE]",
    help="Write it to jsonl, tensorboard, mlflow or wandb meanwhile, there or in its folder; may be given again.",
)
@click.option("--allow-code", is_flag=True, help="Run code that the config names (use: package.module:Class).")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object on the last line of standard output.")
def run(
    config: str | None,
    budget: str | None,
    study: str | None,
    storage: str | None,
    seed: int | None,
    policy: str | None,
    executor: str | None,
    ray_address: str | None,
    workers: int | None,
    overrides: tuple[str, ...],
    warm_start: str | None,
    out: Path | None,
    track: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
) -> None:
    """Search within a budget, and recommend an architecture.

    CONFIG is a preset (see 'mfsearch config show') or a YAML file. Without one, the embedded default runs: distillation of
    small networks on scikit-learn's digits.
    """
    if budget is not None:
        parse_budget(budget)  # a slip of the pen is found before anything large is loaded
    flags = {
        "seed": seed,
        "policy": policy,
        "execution.executor": executor,
        "execution.ray_address": None if ray_address is None else json.dumps(ray_address),  # [::1]:6379 is no YAML list
        "execution.workers": workers,
    }
    written = [f"{key}={value}" for key, value in flags.items() if value is not None]
    loaded = load_config(config, [*written, *overrides], allow_code=allow_code)

    from mfsearch.cli.output import note, watching, write_json

    if config is None:
        note(
            f"No CONFIG given: running the embedded default '{DEFAULT_PRESET}', real distillation on scikit-learn's digits. "
            "For another, 'mfsearch config show' lists the presets, and a YAML file is your own."
        )

    from mfsearch.report.answer import answer_lines
    from mfsearch.session.run import start

    with watching() as watcher:
        outcome = start(
            loaded,
            label=DEFAULT_PRESET if config is None else Path(config).stem,
            name=study,
            storage=storage,
            budget=budget,
            warm_start=warm_start,
            out=out,
            allow_code=allow_code,
            track=track,
            watcher=watcher,
        )
    for line in answer_lines(outcome.summary, outcome.report, outcome.weights):
        click.echo(line)
    if as_json:
        write_json(outcome.to_json())
