"""Problems made of tables that mfsearch measured itself: whole ladders, searched in simulated seconds.

The value of an architecture on a rung is the mean over the seeds it was measured with, and its price what all of them took. What rungs
shared, such as a teacher, is paid for by every search.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

import pyarrow.compute as pc

from mfsearch.config import Component
from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import AbstractFidelity
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularEvaluation, TabularResource, TabularScores
from mfsearch.problems.base import LookUp, Oracle, Problem
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.subset import SubsetSpace
from mfsearch.tables.measured import Measured, MeasuredAbout, MeasuredRung, read_measured

MakeSpace = Callable[[Component], AbstractSearchSpace]

TEST: Final = "test_accuracy"
NOTES: Final = "Values are means over seeds, charged as all of them; costs are the table's, simulated."


def measured(
    path: str | Path,
    make_space: MakeSpace,
    rungs: Sequence[str] | None = None,
    proxies: Sequence[str] | None = None,
    signals: Mapping[str, str] | None = None,
    name: str = "measured",
) -> Problem:
    """The problem of a measured table.

    Args:
        path: A file that `mfsearch table build` wrote.
        make_space: Builds the space that the table's config names.
        rungs: Which rungs a search uses, cheapest first, the target last; None for all of the table, in its order.
        proxies: Which scores, an empty list for none; None for all of the score rungs in use.
        signals: Rung -> the figure that is its value, where it is not the one that the table was measured for.
        name: What the problem is called.

    Raises:
        DataError: If the table cannot be read, or no architecture has a figure on every rung.
        ConfigError: If a rung, score or signal is not in the table.
    """
    table = read_measured(Path(path))
    about = table.about
    used = _used(about, rungs)
    chosen = [_with_signal(table, rung, (signals or {}).get(rung.name)) for rung in used]
    if unknown := sorted(set(signals or {}) - {rung.name for rung in chosen}):
        raise ConfigError(f"signals must be of rungs in use, {', '.join(r.name for r in chosen)}; got {', '.join(unknown)}.")
    shared = {resource: TabularResource(resource, seconds) for resource, seconds in about.shared.items()}
    levels = {rung.name: _level(table, rung) for rung in chosen if rung.kind == "evaluation"}
    keys = [key for key in table.architectures if all(key in values for values, _ in levels.values())]
    if not keys:
        raise DataError(
            f"a measured table must have some architecture with figures on {', '.join(levels)}; {path} has none. Build it again."
        )
    ladder: list[AbstractFidelity] = []
    wanted = _scores(chosen, proxies)
    for rung in chosen:
        if rung.kind == "evaluation":
            values, seconds = levels[rung.name]
            resources = [shared[resource] for resource in rung.shared]
            ladder.append(TabularEvaluation(rung.name, values, seconds, rung.signal, rung.resource, resources))
        elif wanted[rung.name]:
            ladder.append(_score_rung(table, rung, wanted[rung.name], [shared[resource] for resource in rung.shared]))
    truth = {key: levels[chosen[-1].name][0][key] for key in keys}
    test = {key: fmean(figures) for key, figures in table.figures(chosen[-1].name, TEST).items()}
    best = (max if about.objective.direction == "maximise" else min)(truth.values())
    oracle = Oracle(best, max(truth.values()) - min(truth.values()), LookUp(truth), LookUp(test) if test else None)
    return Problem(
        name=name,
        space=SubsetSpace(make_space(Component.model_validate(about.config["space"])), keys),
        ladder=FidelityLadder(ladder),
        objective=about.objective,
        virtual=True,
        recommend="predicted",
        oracle=oracle,
        description=_description(table, len(keys)),
    )


def _used(about: MeasuredAbout, rungs: Sequence[str] | None) -> list[MeasuredRung]:
    known = [rung.name for rung in about.rungs]
    names = known if rungs is None else list(rungs)
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise ConfigError(f"rungs must be some of {', '.join(known)}, each once; got {', '.join(names) or 'none'}. Mend them.")
    used = [about.rung(name) for name in names]
    if used[-1].kind != "evaluation" or used[-1].signal.removeprefix("-") != about.objective.signal:
        raise ConfigError(
            f"rungs must end with an evaluation that measures {about.objective.signal}; got {used[-1].name}. Put the target last."
        )
    return used


def _with_signal(table: Measured, rung: MeasuredRung, signal: str | None) -> MeasuredRung:
    if signal is None:
        return rung
    if rung.kind != "evaluation" or not table.figures(rung.name, signal.removeprefix("-")):
        raise ConfigError(
            f"a signal must be a figure that the table has of its rung; {rung.name} has no {signal!r}. Take another."
        )
    return MeasuredRung(rung.name, rung.kind, signal, rung.seeds, rung.resource, shared=rung.shared)


def _level(table: Measured, rung: MeasuredRung) -> tuple[dict[str, float], dict[str, float]]:
    """Architecture -> mean of its signal, and -> seconds of all its seeds together.

    Where validation is not needed for the signal, the time that it took is not charged.
    """
    figure = rung.signal.removeprefix("-")
    values = {key: fmean(found) for key, found in table.figures(rung.name, figure).items()}
    seconds = {key: math.fsum(found) for key, found in table.figures(rung.name, "seconds").items()}
    if figure.startswith("train_"):
        idle = table.figures(rung.name, "validation_seconds")
        seconds = {key: price - math.fsum(idle.get(key, ())) for key, price in seconds.items()}
    return values, {key: seconds[key] for key in values}


def _scores(rungs: Sequence[MeasuredRung], proxies: Sequence[str] | None) -> dict[str, list[str]]:
    """Score rung -> the columns in use, in the table's order."""
    known = [column for rung in rungs for column in rung.columns]
    if proxies is not None and (len(set(proxies)) < len(proxies) or not set(proxies) <= set(known)):
        raise ConfigError(
            f"proxies must be some of {', '.join(known) or 'none, for the rungs in use have none'}, each once; got {', '.join(proxies)}. "
            "Mend them."
        )
    return {rung.name: [c for c in rung.columns if proxies is None or c in proxies] for rung in rungs}


def _score_rung(
    table: Measured, rung: MeasuredRung, columns: Sequence[str], resources: Sequence[TabularResource]
) -> TabularScores:
    """Scores in use; each of those that are not free costs an equal share of what all of them took on the average."""
    free = {column for column, capacity in zip(rung.columns, rung.capacity, strict=True) if capacity}
    trusted = [column for column, good in zip(rung.columns, rung.trusted, strict=True) if good]
    figures = {column: table.figures(rung.name, column) for column in columns}
    rows = {key: tuple(next(iter(figures[c].get(key, ())), None) for c in columns) for key in table.architectures}
    took = [seconds for found in table.figures(rung.name, "seconds").values() for seconds in found]
    costly = sum(column not in free for column in rung.columns)
    share = fmean(took) / costly if took and costly else 0.0
    return TabularScores(rung.name, columns, rows, trusted, tuple(free), share, resources)


def _description(table: Measured, kept: int) -> str:
    total = len(table.architectures)
    around = len(set(table.rows.filter(pc.equal(table.rows["group"], "neighbour"))["architecture"].to_pylist()))
    marked = f" {around:,} of them are not of the random sample, but neighbours of its best." if around else ""
    lacking = f" {total - kept} of {total} lack a figure and are left out." if kept < total else ""
    machines = "; ".join(table.about.machines)
    return f"{kept:,} architectures, every rung measured on {machines} ({table.about.clock} seconds).{marked}{lacking} {NOTES}"
