"""From measured values to the units of the surrogate and back: the warp of accuracies, and one scale a measured quantity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mfsearch.errors import DataError
from mfsearch.records import Objective

ERROR_FLOOR = 0.005  # errors below half a point are told apart no more
LOG_ERROR_SD = 0.4  # what architectures of one space typically differ by, in log error
PRIOR_WEIGHT = 3.0  # observations that the prior scale counts for

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ValueWarp:
    """Accuracies (percent or fraction) become minus the logarithm of the error, everything else stays as it is.

    The difference between 94.0% and 94.3% is then as large as that between 70.0% and 71.5%: both remove a twentieth of the
    errors. More is better before and after. A minimised accuracy-like figure is an error already.

    Attributes:
        objective: Whose unit and direction say what a value is.
    """

    objective: Objective

    @property
    def prior_sd(self) -> float | None:
        """Typical standard deviation of warped values over a space; None where nothing is known of them."""
        return None if self.objective.unit == "none" else LOG_ERROR_SD

    @property
    def _whole(self) -> float:
        return 100.0 if self.objective.unit == "percent" else 1.0

    def _error(self, values: Vector) -> Vector:
        """Error as a fraction of all, between the floor and 1 (and above, for values that no accuracy can have)."""
        error = self._whole - values if self.objective.sign > 0 else -values
        return np.maximum(error / self._whole, ERROR_FLOOR)

    def __call__(self, values: ArrayLike) -> Vector:
        """Warp values (oriented so that more is better), any shape."""
        given = np.asarray(values, dtype=np.float64)
        return given if self.objective.unit == "none" else -np.log(self._error(given))

    def inverse(self, warped: ArrayLike) -> Vector:
        """Values of warped ones, any shape; accuracies are held between 0 and all."""
        given = np.asarray(warped, dtype=np.float64)
        if self.objective.unit == "none":
            return given
        error = np.minimum(np.exp(-given), 1.0)
        return self._whole * (1.0 - error if self.objective.sign > 0 else -error)

    def noise_variance(self, values: ArrayLike, sd: ArrayLike) -> Vector:
        """Variance of warped values whose noise has standard deviation sd (NaN: unknown), to first order."""
        spread = np.asarray(sd, dtype=np.float64)
        if self.objective.unit == "none":
            return np.square(spread)
        return np.square(spread / (self._whole * self._error(np.asarray(values, dtype=np.float64))))


@dataclass(frozen=True, slots=True)
class Scaling:
    """An invertible affine map a level.

    Levels that measure the same quantity share one, so that a level with a single observation has a scale.

    Attributes:
        centre: What becomes 0, one entry a level.
        scale: What becomes 1, one entry a level.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, values: ArrayLike, levels: ArrayLike, groups: Sequence[int], prior_sd: Sequence[float | None]) -> Scaling:
        """Learn centre and scale of each group of levels.

        The centre is the mean at the lowest level of the group that was observed. The scale is the standard deviation within
        levels, pooled over the group's levels and shrunk to a prior scale with the weight of three observations.

        Args:
            values: n warped values.
            levels: n levels.
            groups: For each of the L levels, the number of the quantity that it measures.
            prior_sd: For each of the L levels, `ValueWarp.prior_sd` of its values. None: no shrinkage, and until two
                observations of one level have come in, the scale pooled over all levels of unknown scale, else 1.

        Raises:
            DataError: If lengths differ, a level is out of range or a value is not finite.
        """
        y, of = np.asarray(values, dtype=np.float64), np.asarray(levels, dtype=np.int64)
        if y.ndim != 1 or y.shape != of.shape or len(groups) != len(prior_sd):
            raise DataError(
                f"values and levels must be two vectors of one length, groups and prior_sd must have one entry a level; "
                f"got {y.shape}, {of.shape}, {len(groups)} and {len(prior_sd)}."
            )
        if not np.isfinite(y).all() or ((of < 0) | (of >= len(groups))).any():
            raise DataError(
                f"values must be finite and of levels 0 to {len(groups) - 1}; got {y[:5]} at levels {of[:5]}. Leave failures out."
            )
        group_of = np.asarray(groups)
        members = {group: np.flatnonzero(group_of == group) for group in groups}
        unknown = np.flatnonzero([sd is None for sd in prior_sd])
        centre, scale = {}, {}
        for group, own in members.items():
            seen = [level for level in own if (of == level).any()]
            centre[group] = float(y[of == seen[0]].mean()) if seen else 0.0
            squares, freedom = _within(y, of, own)
            prior = prior_sd[own[0]]
            if prior is not None:
                scale[group] = float(np.sqrt((PRIOR_WEIGHT * prior**2 + squares) / (PRIOR_WEIGHT + freedom)))
                continue
            if not squares > 0.0:
                squares, freedom = _within(y, of, unknown)
            scale[group] = float(np.sqrt(squares / freedom)) if squares > 0.0 else 1.0
        return cls(tuple(centre[group] for group in groups), tuple(scale[group] for group in groups))

    def __call__(self, values: ArrayLike, levels: ArrayLike) -> Vector:
        """Standardised values; levels broadcast against values."""
        of = np.asarray(levels, dtype=np.int64)
        standard: Vector = (np.asarray(values, dtype=np.float64) - np.asarray(self.centre)[of]) / np.asarray(self.scale)[of]
        return standard

    def inverse(self, standard: ArrayLike, levels: ArrayLike) -> Vector:
        """Values of standardised ones."""
        of = np.asarray(levels, dtype=np.int64)
        values: Vector = np.asarray(self.centre)[of] + np.asarray(self.scale)[of] * np.asarray(standard, dtype=np.float64)
        return values

    def variance(self, variances: ArrayLike, levels: ArrayLike) -> Vector:
        """Variances of values as variances of standardised ones."""
        of = np.asarray(levels, dtype=np.int64)
        standard: Vector = np.asarray(variances, dtype=np.float64) / np.square(np.asarray(self.scale)[of])
        return standard


def _within(values: Vector, levels: NDArray[np.int64], own: NDArray[np.int64]) -> tuple[float, int]:
    """Sum of squares around the means of levels, and its degrees of freedom."""
    parts = [values[levels == level] for level in own if (levels == level).sum() > 1]
    return sum(float(np.square(part - part.mean()).sum()) for part in parts), sum(len(part) - 1 for part in parts)
