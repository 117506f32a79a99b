"""`mfsearch table`: measure a table of one's own, and see what it says of its rungs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from mfsearch.cli.output import code_option, json_option, note, write_json, write_table
from mfsearch.config import load_config

PILOT_ARCHITECTURES = 30
PILOT_SEEDS = 3


@click.group()
def table() -> None:
    """Measure a table of one's own: every rung of a ladder on the same architectures."""


@table.command()
@click.argument("config")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for shards and table.")
@click.option(
    "--architectures", type=click.IntRange(min=1), help=f"Size of the random sample. Default: 100, or {PILOT_ARCHITECTURES}."
)
@click.option(
    "--best", type=click.IntRange(min=0), default=0, show_default=True, help="Measure all neighbours of so many best, too."
)
@click.option("--seeds", type=click.IntRange(min=1), help="Runs on every rung. Default: what the rung says.")
@click.option(
    "--pilot",
    is_flag=True,
    help=f"{PILOT_ARCHITECTURES} architectures with {PILOT_SEEDS} seeds first: what a row costs, how much seeds differ, what each rung ranks.",
)
@click.option(
    "--from",
    "base",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="TABLE",
    help="Measure only the rungs that this table lacks, on its architectures.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the config; may be given again."
)
@code_option
@json_option
def build(
    config: str,
    out: Path,
    architectures: int | None,
    best: int,
    seeds: int | None,
    pilot: bool,
    base: Path | None,
    jobs: int,
    overrides: tuple[str, ...],
    allow_code: bool,
    as_json: bool,
) -> None:
    """Measure the ladder of CONFIG (a preset or a YAML file) on random architectures of its space.

    Shards are written as they come; go on with a stopped build, or to more architectures, by the same command. The table can be
    searched in simulated time: 'problem: {use: measured, path: DIR/table.parquet}' in a config.
    """
    if base is not None and (architectures or best or pilot):
        raise click.UsageError("--from takes the architectures of its table; leave --architectures, --best and --pilot out.")
    loaded = load_config(config, overrides, allow_code=allow_code)

    from mfsearch.report.files import make_folder
    from mfsearch.store.location import home
    from mfsearch.tables.measured import read_measured
    from mfsearch.tabulate.building import TABLE, Order, build_table, extend_table
    from mfsearch.tabulate.findings import findings, seconds_of_one
    from mfsearch.tabulate.measure import Setting

    setting = Setting(loaded, home(), seeds or (PILOT_SEEDS if pilot else None), allow_code)
    size = architectures or (PILOT_ARCHITECTURES if pilot else 100)
    order = Order(setting, make_folder(out), size, best, jobs)
    measured = build_table(order, note) if base is None else extend_table(read_measured(base), order, note)
    found = findings(measured, loaded.seed)
    each = seconds_of_one(measured)
    if as_json:
        return write_json(
            {
                "table": str(out / TABLE),
                "architectures": len(measured.architectures),
                "seconds_each": each,
                "findings": [_row(f) for f in found],
            }
        )
    write_table(*_shown(found))
    click.echo(
        f"\n{len(measured.architectures):,} architectures, {each:.3g} s each on all rungs: 1,000 of them take {each / 3.6:.3g} device hours."
    )
    for line in _warnings(found):
        click.echo(line)
    click.echo(f"Table: {out / TABLE}")


def _row(found: Any) -> dict[str, Any]:
    """JSON, without what is not a number."""
    import math

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        return None if isinstance(value, float) and not math.isfinite(value) else value

    row: dict[str, Any] = plain(asdict(found))
    return row


def _shown(found: Any) -> tuple[list[str], list[list[str]]]:
    head = [
        "rung",
        "figure",
        "s a run",
        "rank correlation with the target",
        "better half",
        "SD of architectures/seeds",
        "better half",
    ]

    def rank(value: Any) -> str:
        return "-" if value is None else f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"

    def spread(value: Any) -> str:
        return "-" if value is None else f"{value.between:.3g}/{value.within:.3g}".replace("nan", "-")

    rows = [
        [
            one.rung,
            one.figure + (" *" if one.signal else ""),
            f"{one.seconds:.3g}",
            rank(one.all),
            rank(one.half),
            spread(one.spread_all),
            spread(one.spread_half),
        ]
        for one in found
    ]
    return head, rows


def _warnings(found: Any) -> list[str]:
    """What to know before anything large is started."""
    target = [one for one in found if one.signal][-1]
    if target.spread_half is None or not target.spread_half.within >= 0:
        return []
    share = target.spread_half.noise_share
    if share <= 0.25:
        return [f"Seed variance of the target is {share:.2f} of the variance between architectures in the better half."]
    return [
        f"Seed variance of the target is {share:.2f} of the variance between architectures in the better half, more than a quarter: "
        "give its rung more 'seeds'."
    ]
