"""`mfsearch reproduce`: experiments of papers, again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mfsearch.cli.output import json_option, write_json
from mfsearch.errors import MissingExtraError


@click.group()
def reproduce() -> None:
    """Repeat experiments of papers: from their authors' measurements, and live."""


@reproduce.group()
def mfkd() -> None:
    """MF-KD (Trofimov et al., 2020): cheap fidelities by distillation, co-kriging, and a schedule."""


@mfkd.command()
@click.option("--table", default="nasbench201", show_default=True, help="Imported table with the plain runs of the cells.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the bootstrap.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the tables and figures as files.")
@json_option
def correlation(table: str, seed: int, out: Path | None, as_json: bool) -> None:
    """How well NST runs, and training on parts of the data, rank whole trainings.

    Needs the authors' measurements: mfsearch data import mfkd-nst240 SOURCE, mfsearch data import mfkd-mobilenetv2 SOURCE, and for the
    first the benchmark itself: mfsearch data import nasbench201 SOURCE.
    """
    from mfsearch.reproduce.correlation import correlations, to_markdown
    from mfsearch.store.location import home

    found = correlations(home(), table, seed)
    lines = {name: [line.to_json() for line in own] for name, own in found.items()}
    if out is not None:
        try:
            from mfsearch.reproduce.figures import draw_correlations
        except ImportError as error:
            raise MissingExtraError("matplotlib", "bench", "mfsearch reproduce --out") from error
        from mfsearch.report.files import make_folder

        folder = make_folder(out)
        (folder / "correlation.md").write_text(to_markdown(found), encoding="utf-8")
        (folder / "correlation.json").write_text(json.dumps(lines, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draw_correlations(folder, found)
    click.echo(to_markdown(found), nl=False)
    if as_json:
        write_json(lines)


@mfkd.command()
@click.argument("what", type=click.Choice(["networks", "cells"]), nargs=-1)
@click.option(
    "--trials", "count", type=click.IntRange(min=1), help="Searches of every contender. Default: 100 networks, 50 cells."
)
@click.option("--first-seed", type=click.IntRange(min=0), default=1000, show_default=True, help="Seed of the first search.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Searches at a time, one thread each.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for all results.")
@json_option
def search(what: tuple[str, ...], count: int | None, first_seed: int, jobs: int, out: Path, as_json: bool) -> None:
    """MF-KD's searches, and others, on its authors' measurements: of networks, of cells, or (without WHAT) of both.

    networks: seconds until the best of 100 MobileNetV2-like networks is found, by two protocols. cells: seconds until the answer is
    good, among the cells of NAS-Bench-201 that have NST runs. All costs are simulated. Go on with a stopped series by the
    same command.

    Needs the authors' measurements: mfsearch data import mfkd-nst240 SOURCE, mfsearch data import mfkd-mobilenetv2 SOURCE, and for
    the first the benchmark itself: mfsearch data import nasbench201 SOURCE.
    """
    from mfsearch.cli.output import note
    from mfsearch.report.files import make_folder
    from mfsearch.reproduce import cells, networks
    from mfsearch.reproduce.trials import run_trials
    from mfsearch.store.location import home

    folder, answers = make_folder(out), {}
    parts = {"networks": (networks, 100), "cells": (cells, 50)}
    for name in what or tuple(parts):
        module, usual = parts[name]
        seeds = range(first_seed, first_seed + (count or usual))
        results = run_trials(module.trials(home(), seeds), module.trial, folder / f"{name}.jsonl", jobs, note)
        lines = module.summarise(results)
        text = module.to_markdown(lines)
        answers[name] = [line.to_json() for line in lines]
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
        (folder / f"{name}.json").write_text(json.dumps(answers[name], indent=1, allow_nan=False) + "\n", encoding="utf-8")
        click.echo(text, nl=False)
    if as_json:
        write_json(answers)


@mfkd.command()
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Small networks, or the benchmark's own.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    envvar="MFSEARCH_DATA",
    show_envvar=True,
    required=True,
    help="Pictures of CIFAR-10: the official batches, Parquet files or an .npz.",
)
@click.option("--cells", type=click.IntRange(min=10), help="Random cells that are trained. Default: 60 on a CPU, 100 on a GPU.")
@click.option("--beta", type=click.FloatRange(min=0), default=25.0, show_default=True, help="Weight of NST beside the labels.")
@click.option("--seed", type=click.IntRange(min=0), default=1000, show_default=True, help="Of everything random.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="mfkd-live",
    show_default=True,
    help="Folder for all results.",
)
@json_option
def live(device: str, data: Path, cells: int | None, beta: float, seed: int, out: Path, as_json: bool) -> None:
    """MF-KD's search with real training: does an epoch of NST say more of a cell than an epoch of cross-entropy?

    Two searches that differ in that epoch alone train the same random cells of NAS-Bench-201; twelve and 200 epochs are looked up. Go
    on with a stopped one by the same command. NAS-Bench-201 must be imported, or lie beside the pictures as nasbench201.csv.gz.
    """
    from mfsearch.bench.files import machine
    from mfsearch.cli.output import note
    from mfsearch.report.files import make_folder
    from mfsearch.reproduce import live as experiment
    from mfsearch.reproduce.verdict import to_markdown
    from mfsearch.store.location import home

    folder = make_folder(out)
    experiment.prepare_table(home(), data, note)
    setting = experiment.Setting(experiment.sized(device, cells), home(), data, device, seed, beta)
    found = experiment.live(setting, folder, note)
    text = to_markdown(found, experiment.describe(setting, machine()))
    (folder / "live.md").write_text(text, encoding="utf-8")
    (folder / "live.json").write_text(json.dumps(found.to_json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    click.echo(text, nl=False)
    if as_json:
        write_json(found.to_json())
