"""What a measured table says of its rungs: price, seed noise, and how well each ranks the target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from mfsearch.tables.measured import Measured, MeasuredRung

RESAMPLES: Final = 1_000
_LEAST: Final = 4  # architectures, for a correlation to mean anything


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of one run with the target, with a 95% bootstrap interval over architectures."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Standard deviations, in the figure's unit.

    Attributes:
        between: Of architectures' means, what the seeds add taken out.
        within: Of the seeds of one architecture; NaN where each has one run.
    """

    between: float
    within: float

    @property
    def noise_share(self) -> float:
        """Seed variance of one run over the variance between architectures."""
        return (self.within / self.between) ** 2 if self.between > 0 else math.inf


@dataclass(frozen=True)
class Finding:
    """One figure of one rung, over all architectures and over the better half of them by the target.

    Attributes:
        rung: Name of the rung.
        figure: Name of the figure; behind a minus where less is better.
        signal: Whether it is the rung's value.
        architectures: How many have it.
        seconds: Mean device seconds of one run; for scores of all of the rung's together.
        all: Correlation over all; None where there is nothing to correlate.
        half: Over the better half.
        spread_all: Over all; None for scores.
        spread_half: Over the better half.
    """

    rung: str
    figure: str
    signal: bool
    architectures: int
    seconds: float
    all: Correlation | None
    half: Correlation | None
    spread_all: Spread | None = None
    spread_half: Spread | None = None


def findings(table: Measured, seed: int = 0) -> list[Finding]:
    """What is known of every figure that could be a rung's value, in the order of rungs; the target's own comes last.

    A run of the target is compared with the mean of the other runs of the same architecture, never with itself.

    Args:
        table: At least one architecture.
        seed: Of the bootstrap.
    """
    target = table.about.rungs[-1]
    sign = -1.0 if table.about.objective.direction == "minimise" else 1.0
    runs = {key: [sign * x for x in found] for key, found in table.figures(target.name, table.about.objective.signal).items()}
    means = {key: fmean(found) for key, found in runs.items()}
    better = set(sorted(means, key=lambda key: -means[key])[: (len(means) + 1) // 2])
    out = []
    for rung in table.about.rungs:
        seconds = [s for found in table.figures(rung.name, "seconds").values() for s in found]
        for figure in _figures(table, rung):
            found = _oriented(table, rung, figure)
            own = rung is target and figure.removeprefix("-") == table.about.objective.signal
            pairs = {key: _pairs(values, runs[key], own) for key, values in found.items() if key in runs}
            score = rung.kind == "score"
            out.append(
                Finding(
                    rung.name,
                    figure,
                    figure == rung.signal or (own and figure.removeprefix("-") == rung.signal.removeprefix("-")),
                    len(found),
                    fmean(seconds) if seconds else 0.0,
                    correlation([pairs[key] for key in pairs if pairs[key]], seed),
                    correlation([pairs[key] for key in pairs if pairs[key] and key in better], seed),
                    None if score else _spread(list(found.values())),
                    None if score else _spread([values for key, values in found.items() if key in better]),
                )
            )
    return out


def seconds_of_one(table: Measured) -> float:
    """Mean device seconds of everything that is measured of one architecture."""
    return math.fsum(table.rows["seconds"].to_pylist()) / max(1, len(table.architectures))


def _figures(table: Measured, rung: MeasuredRung) -> list[str]:
    """What could be the rung's value."""
    if rung.kind == "score":
        return list(rung.columns)
    own = [
        name for name in table.rows.column_names if name.endswith(("_accuracy", "_loss")) or name == rung.signal.removeprefix("-")
    ]
    held = [name for name in own if name != "test_accuracy" and table.figures(rung.name, name)]
    return [f"-{name}" if name.endswith("_loss") or f"-{name}" == rung.signal else name for name in held]


def _oriented(table: Measured, rung: MeasuredRung, figure: str) -> dict[str, list[float]]:
    """Architecture -> its runs, more being better."""
    name = figure.removeprefix("-")
    turned = figure.startswith("-") or (name == table.about.objective.signal and table.about.objective.direction == "minimise")
    return {key: [-x if turned else x for x in found] for key, found in table.figures(rung.name, name).items()}


def _pairs(values: Sequence[float], target: Sequence[float], own: bool) -> list[tuple[float, float]]:
    """(a run, what it should rank) for every run of one architecture."""
    if not own:
        return [(value, fmean(target)) for value in values]
    total = math.fsum(target)
    return [(value, (total - value) / (len(target) - 1)) for value in values] if len(target) > 1 else []


def correlation(pairs: Sequence[Sequence[tuple[float, float]]], seed: int = 0) -> Correlation | None:
    """Spearman's rank correlation over architectures, with its 95% bootstrap percentile interval.

    Where architectures have several runs it is the mean over the runs of each run's correlation: what to expect of one.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3; whole architectures are resampled.

    Args:
        pairs: An entry for each of n architectures: (a run's figure, what it should rank), one or more; no NaN.
        seed: Of the 1,000 resamples.

    Returns:
        None for fewer than 4 architectures, or where one of the two does not vary.
    """
    if len(pairs) < _LEAST:
        return None
    width = max(map(len, pairs))
    padded: NDArray[np.float64] = np.full((len(pairs), width, 2), np.nan)
    for row, own in zip(padded, pairs, strict=True):
        row[: len(own)] = own
    value = _mean_rank_correlation(padded)
    if not math.isfinite(value):
        return None
    rng = np.random.default_rng(seed)
    drawn = [_mean_rank_correlation(padded[rng.integers(0, len(padded), len(padded))]) for _ in range(RESAMPLES)]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Correlation(value, float(low), float(high))


def _mean_rank_correlation(padded: NDArray[np.float64]) -> float:
    found = []
    for run in range(padded.shape[1]):
        x, y = padded[~np.isnan(padded[:, run, 0]), run].T
        if len(x) >= _LEAST and np.ptp(x) > 0 and np.ptp(y) > 0:
            found.append(float(np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]))
    return fmean(found) if found else math.nan


def _spread(runs: Sequence[Sequence[float]]) -> Spread | None:
    if len(runs) < 2:
        return None
    several = [own for own in runs if len(own) > 1]
    within = fmean([float(np.var(own, ddof=1)) for own in several]) if several else math.nan
    seeds = fmean([1 / len(own) for own in runs])
    between = float(np.var([fmean(own) for own in runs], ddof=1))
    if several:
        between = max(0.0, between - within * seeds)
    return Spread(math.sqrt(between), math.sqrt(within))
