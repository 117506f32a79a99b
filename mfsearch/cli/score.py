"""`mfsearch score`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from mfsearch.cli.output import code_option, json_option, write_json, write_table
from mfsearch.config import DEFAULT_PRESET, load_config


@click.command()
@click.argument("architectures", nargs=-1, metavar="ARCH...")
@click.option(
    "--problem",
    "source",
    default=DEFAULT_PRESET,
    show_default=True,
    metavar="CONFIG",
    help="Preset or YAML file whose scores are computed.",
)
@click.option(
    "--proxies", metavar="A,B,...", help="These zero-cost proxies in place of the problem's own scores; 'all' for all of them."
)
@click.option("--dass", is_flag=True, help="The accuracies that the predictor that ships expects, too.")
@click.option("--predictor", metavar="FILE", help="The same of a predictor of 'mfsearch meta-train'.")
@click.option("--random", "count", type=click.IntRange(min=1), help="So many random architectures, besides those that are named.")
@click.option("--from", "file", type=click.File("r"), help="Architectures of a file, one a line; - reads standard input.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the config; may be given again."
)
@code_option
@json_option
def score(
    architectures: tuple[str, ...],
    source: str,
    proxies: str | None,
    dass: bool,
    predictor: str | None,
    count: int | None,
    file: TextIO | None,
    overrides: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
) -> None:
    """Compute a problem's scores of given architectures."""
    config = load_config(source, overrides, allow_code=allow_code)

    from mfsearch.build import build_device, build_problem
    from mfsearch.proxies import PROXIES
    from mfsearch.session.scoring import drawn, with_dass, with_proxies
    from mfsearch.session.scoring import score as compute
    from mfsearch.store.location import home

    problem = build_problem(config, home(), allow_code)
    if proxies:
        names = list(PROXIES) if proxies == "all" else [name.strip() for name in proxies.split(",")]
        problem = with_proxies(problem, names, home())
    if dass or predictor:
        problem = with_dass(problem, predictor, home())
    texts = [*architectures, *(line.strip() for line in file or () if line.strip())]
    texts += drawn(problem, count, config.seed) if count else []
    with _bar() as progress:
        rows = compute(problem, texts, config.seed, build_device(config), progress)
    if as_json:
        return write_json(rows)
    cells = [["-" if v is None else v if isinstance(v, str) else f"{v:.6g}" for v in row.values()] for row in rows]
    write_table(list(rows[0]), cells)


@contextmanager
def _bar() -> Iterator[Callable[[float, str], None]]:
    """A progress bar where standard error is a terminal, else nothing."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not Console(stderr=True).is_terminal) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda fraction, text: bar.update(task, completed=fraction, description=text)
