"""Order statistics of samples that may hold infinities, and the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000


def quantile(values: NDArray[np.float64], q: float) -> NDArray[np.float64]:
    """Quantile over the first axis, between neighbours linearly, as `numpy.quantile`; infinite where it touches an infinity.

    Args:
        values: `n x ...`, n at least 1; infinities allowed (a run that never gets there).
        q: Between 0 and 1.

    Returns:
        `...`
    """
    ordered = np.sort(values, axis=0)
    place = q * (len(ordered) - 1)
    low = int(np.floor(place))
    share = place - low
    below = ordered[low]
    if share == 0.0:
        return np.asarray(below)
    above = ordered[low + 1]
    finite = np.isfinite(below) & np.isfinite(above)
    step = np.where(finite, above, 0.0) - np.where(finite, below, 0.0)
    return np.where(finite, np.where(finite, below, 0.0) + share * step, np.inf)


def difference_interval(
    ours: Sequence[float], others: Sequence[float], seed: int = 0, level: float = 0.95
) -> tuple[float, tuple[float, float]]:
    """Mean of `others` minus mean of `ours`, with its bootstrap percentile interval; the samples are not paired.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.

    Args:
        ours: n figures.
        others: m figures.
        seed: Seed of the 10,000 resamples.
        level: Coverage that is aimed at.
    """
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(others, dtype=np.float64)
    rng = np.random.default_rng(seed)
    resampled = _means(b, rng) - _means(a, rng)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(b.mean() - a.mean()), (float(low), float(high))


def median_ratio_interval(
    ours: Sequence[float], others: Sequence[float], seed: int = 0, level: float = 0.95
) -> tuple[float, tuple[float, float]]:
    """Median of `others` over median of `ours`, with its bootstrap percentile interval; the samples are not paired.

    Where all runs are looked at for equally long, the median of times with "not reached" as infinity is that of Kaplan and Meier.

    Args:
        ours: n positive figures; infinite where a run does not get there.
        others: m likewise.
        seed: Seed of the 10,000 resamples.
        level: Coverage that is aimed at.

    Returns:
        Ratio and interval; infinite where half of `others` do not get there, NaN where half of `ours` do not either.
    """
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(others, dtype=np.float64)
    rng = np.random.default_rng(seed)
    theirs, mine = (quantile(x[rng.integers(0, len(x), (RESAMPLES, len(x)))].T, 0.5) for x in (b, a))
    with np.errstate(invalid="ignore"):
        ratios, point = theirs / mine, float(quantile(b, 0.5) / quantile(a, 0.5))
    known = ratios[~np.isnan(ratios)]
    ends = [float(quantile(known, q)) if len(known) else np.nan for q in ((1 - level) / 2, (1 + level) / 2)]
    return point, (ends[0], ends[1])


def _means(sample: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(sample[rng.integers(0, len(sample), (RESAMPLES, len(sample)))].mean(axis=1))
