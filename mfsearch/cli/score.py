"""`mfsearch score`."""

from __future__ import annotations

import click

from mfsearch.cli.output import code_option, json_option, write_json, write_table
from mfsearch.config import DEFAULT_PRESET, load_config


@click.command()
@click.argument("architectures", nargs=-1, required=True, metavar="ARCH...")
@click.option(
    "--problem",
    "source",
    default=DEFAULT_PRESET,
    show_default=True,
    metavar="CONFIG",
    help="Preset or YAML file whose scores are computed.",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key of the config; may be given again."
)
@code_option
@json_option
def score(architectures: tuple[str, ...], source: str, overrides: tuple[str, ...], allow_code: bool, as_json: bool) -> None:
    """Compute a problem's scores of given architectures."""
    config = load_config(source, overrides, allow_code=allow_code)

    from mfsearch.build import build_device, build_problem
    from mfsearch.session.scoring import score as compute
    from mfsearch.store.location import home

    rows = compute(build_problem(config, home(), allow_code), architectures, config.seed, build_device(config))
    if as_json:
        return write_json(rows)
    cells = [["-" if v is None else v if isinstance(v, str) else f"{v:.6g}" for v in row.values()] for row in rows]
    write_table(list(rows[0]), cells)
