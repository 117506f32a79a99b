"""`mfsearch bench`."""

from __future__ import annotations

from pathlib import Path

import click

from mfsearch.errors import BudgetError, ConfigError, MissingExtraError
from mfsearch.units import format_seconds, parse_duration


class _Bench(click.Group):
    """`bench PROBLEM ...` is `bench run PROBLEM ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is no subcommand is a problem, or an option of the comparison; its help is the one people look for."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Bench)
def bench() -> None:
    """Compare methods on a problem with known truth, at equal cost, over many seeds."""


@bench.command("run")
@click.argument("problem")
@click.option(
    "--methods",
    metavar="A,B,...",
    help="What to compare: labels or policies, options after a colon, as in cost_aware:insurance=0;reserve=0.1; LIBRARY/METHOD for "
    "another library's (see setup-peers). Default: cost_aware with all rungs and without each cheaper one, and some others.",
)
@click.option(
    "--budget", metavar="TIME", help="Device time of every run: 4gpu-hours, 90min. Default: that of 20 evaluations of the target."
)
@click.option("--seeds", type=click.IntRange(min=1), default=50, show_default=True, help="Runs of every method.")
@click.option("--first-seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the first run.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for all results. Default: bench-PROBLEM, without its options.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at a time, one thread each.")
@click.option(
    "--recommend",
    "rule",
    type=click.Choice(["predicted", "evaluated"]),
    help="Which architectures may be recommended. Default: the problem's rule.",
)
@click.option("--at", metavar="TIME,...", help="Earlier points of the same runs to report as well, as in 1gpu-hours,2gpu-hours.")
@click.option(
    "--peers", type=click.Path(path_type=Path), help="Folder with the adapters of other libraries. Default: benchmarks/peers."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object on the last line of standard output.")
def compare(
    problem: str,
    methods: str | None,
    budget: str | None,
    seeds: int,
    first_seed: int,
    out: Path | None,
    jobs: int,
    rule: str | None,
    at: str | None,
    peers: Path | None,
    as_json: bool,
) -> None:
    """Compare methods on a problem with known truth, at equal cost, over many seeds.

    Go on with a stopped bench by the same command: finished runs are kept in the folder. `mfsearch bench setup-peers` makes
    the environments of other libraries.
    """
    given = None if budget is None else parse_duration(budget).seconds
    points = sorted({parse_duration(part).seconds for part in at.split(",") if part.strip()}) if at else []
    try:
        from mfsearch.bench.plots import draw
    except ImportError as error:
        raise MissingExtraError("matplotlib", "bench", "mfsearch bench") from error

    from mfsearch.bench.batch import Plan, load_problem, run_batch
    from mfsearch.bench.files import write_results
    from mfsearch.bench.methods import parse_methods
    from mfsearch.bench.peers import ADAPTERS
    from mfsearch.bench.usual import usual_budget, usual_methods
    from mfsearch.cli.output import note, write_json
    from mfsearch.report.files import make_folder
    from mfsearch.store.location import home

    loaded = load_problem(problem, home())
    parsed = parse_methods(usual_methods(loaded.ladder) if methods is None else methods, peers or ADAPTERS, home())
    seconds = usual_budget(loaded) if given is None else given
    if points and points[-1] >= seconds:
        raise BudgetError(
            f"--at must name points before the end of the budget, {budget or format_seconds(seconds)}; got {at}. Raise --budget, or leave "
            "it out."
        )
    plan = Plan(
        problem,
        parsed,
        seconds,
        range(first_seed, first_seed + seeds),
        "predicted" if (rule or loaded.recommend) == "predicted" else "evaluated",
        make_folder(out or Path(f"bench-{loaded.name}")),
        home(),
    )
    table = run_batch(plan, jobs, note)
    summary = write_results(plan, table, points, draw)
    click.echo((plan.out / "table.md").read_text(encoding="utf-8"), nl=False)
    if as_json:
        write_json({"out": str(plan.out), "summary": summary})


@bench.command("setup-peers")
@click.argument("names", nargs=-1)
@click.option(
    "--peers", type=click.Path(path_type=Path), help="Folder with the adapters of other libraries. Default: benchmarks/peers."
)
def setup_peers(names: tuple[str, ...], peers: Path | None) -> None:
    """Create the environments of other libraries, each with its own versions of everything; all without NAMES."""
    from mfsearch.bench.peers import ADAPTERS, libraries
    from mfsearch.cli.output import note
    from mfsearch.store.location import home

    known = libraries(peers or ADAPTERS, home())
    if unknown := [name for name in names if name not in known]:
        raise ConfigError(f"libraries with an adapter are {', '.join(known)}; got {', '.join(unknown)}. Choose among them.")
    for name in names or known:
        known[name].set_up(note)
        versions = known[name].versions()
        note(f"{name}: ready, with {', '.join(f'{n} {versions[n]}' for n in sorted(known[name].pinned() & versions.keys()))}.")
