"""How well one column of figures ranks another, with bootstrap intervals; pairs of columns share their resamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

COEFFICIENTS: Final = ("spearman", "kendall", "pearson")
RESAMPLES: Final = 2_000

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A figure and its 95% bootstrap percentile interval; a coefficient is NaN where one of the two columns does not vary."""

    value: float
    low: float
    high: float

    def shown(self, figure: str, ends: str) -> str:
        """For people, with a format for the figure and one for its ends; `undefined` where there is none."""
        return f"{self.value:{figure}} [{self.low:{ends}}, {self.high:{ends}}]" if np.isfinite(self.value) else "undefined"

    def to_json(self) -> list[float | None]:
        """[figure, low, high], null where there is none."""
        return [float(end) if np.isfinite(end) else None for end in (self.value, self.low, self.high)]


def resamples(n: int, seed: int = 0) -> NDArray[np.float64]:
    """How often each of n rows is drawn, 2,001 x n; the first row is the sample itself.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3.
    """
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.concatenate([np.ones((1, n)), drawn])


def coefficients(x: Vector, y: Vector, weights: NDArray[np.float64]) -> dict[str, Vector]:
    """Spearman's rho, Kendall's tau-b and Pearson's r of every resample.

    A row that is drawn twice counts as two rows that tie. Ranks and signs of pairs do not change with what is drawn, so that all
    resamples are a few products of matrices.

    Args:
        x: n figures.
        y: n figures.
        weights: R x n, as `resamples` gives them.

    Returns:
        By name, R each; NaN where a column does not vary among what was drawn.
    """
    u, v = (np.sign(column[:, None] - column) for column in (x, y))
    same, first, second = (_pairs(weights, products) for products in (u * v, u * u, v * v))
    with np.errstate(invalid="ignore", divide="ignore"):
        kendall = same / np.sqrt(first * second)
    wide = [np.broadcast_to(column, weights.shape) for column in (x, y)]
    return {
        "spearman": _pearson(_ranks(x, weights), _ranks(y, weights), weights),
        "kendall": kendall,
        "pearson": _pearson(wide[0], wide[1], weights),
    }


def agreement(x: Vector, y: Vector, seed: int = 0) -> dict[str, Interval]:
    """The three coefficients of n pairs with their intervals, by name."""
    return {name: interval(found) for name, found in coefficients(x, y, resamples(len(x), seed)).items()}


def gain(x: Vector, other: Vector, y: Vector, seed: int = 0) -> dict[str, Interval]:
    """What x agrees better with y than another column does, by coefficient; the same rows are drawn for both."""
    weights = resamples(len(x), seed)
    ours, theirs = (coefficients(column, y, weights) for column in (x, other))
    return {name: interval(ours[name] - theirs[name]) for name in COEFFICIENTS}


def paired_difference(first: Sequence[float], second: Sequence[float], seed: int = 0) -> Interval:
    """Mean of first less second over n pairs, in their unit, with its interval: pairs are drawn as by `resamples`, not figures."""
    differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    return interval(resamples(len(differences), seed) @ differences / len(differences))


def interval(found: Vector) -> Interval:
    """Of the figures of `resamples`, the sample's own first."""
    drawn = found[1:][np.isfinite(found[1:])]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return Interval(float(found[0]), float(low), float(high))


def _ranks(column: Vector, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mid-ranks of every row within each resample, R x n, but for a constant."""
    below = np.less.outer(column, column).astype(np.float64) + 0.5 * np.equal.outer(column, column)
    ranks: NDArray[np.float64] = weights @ below
    return ranks


def _pairs(weights: NDArray[np.float64], products: NDArray[np.float64]) -> Vector:
    """Sum over all pairs of what was drawn, R."""
    sums: Vector = ((weights @ products) * weights).sum(1)
    return sums


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]) -> Vector:
    """Of columns that may differ from resample to resample, R x n each."""
    total = weights.sum(1, keepdims=True)
    a, b = (column - (weights * column).sum(1, keepdims=True) / total for column in (x, y))
    products = [(weights * u * v).sum(1) for u, v in ((a, b), (a, a), (b, b))]
    smallest = 1e-12 * np.maximum(np.square(x).max(), np.square(y).max())
    with np.errstate(invalid="ignore", divide="ignore"):
        varies = (products[1] > smallest) & (products[2] > smallest)
        return np.where(varies, products[0] / np.sqrt(products[1] * products[2]), np.nan)
