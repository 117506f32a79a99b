"""Device seconds of an evaluation, learned: a factor on the expected cost, one a rung."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scipy.special import stdtrit

from mfsearch.errors import DataError

PRIOR_WEIGHT = 2.0  # measurements that the prior counts for
PRIOR_SD = 0.3  # of log(measured / expected) between architectures
PRIOR_FREEDOM = 4.0  # of the Student distribution before any data
FLOOR = 1e-3  # seconds: shorter times are taken as this long before their ratio is formed
AGREEMENT = 1e-6  # log-ratios closer than this are one ratio
ENOUGH = 3  # equal ratios after which a rung's costs are known


@dataclass
class _Rung:
    """Running moments (Welford) of the log-ratios of one rung, and the factors that follow."""

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0
    lowest: float = math.inf
    highest: float = -math.inf
    known: tuple[float, float] | None = None

    def add(self, ratio: float) -> None:
        self.n += 1
        change = ratio - self.mean
        self.mean += change / self.n
        self.squares += change * (ratio - self.mean)
        self.lowest, self.highest = min(self.lowest, ratio), max(self.highest, ratio)
        self.known = None

    @property
    def factors(self) -> tuple[float, float]:
        """Of the mean and of the 95th percentile: computed when asked for, since a history is learned in one go."""
        if self.known is None:
            self.known = self._settle()
        return self.known

    def _settle(self) -> tuple[float, float]:
        if self.n >= ENOUGH and self.highest - self.lowest <= AGREEMENT:
            factor = math.exp(self.mean) if abs(self.mean) > AGREEMENT else 1.0
            return factor, factor
        weight = PRIOR_WEIGHT + self.n
        variance = (PRIOR_WEIGHT * PRIOR_SD**2 + self.squares) / weight
        # The prior mean is -PRIOR_SD^2 / 2, so that the expected factor is 1 before any data and for ratios that are all 1.
        centre = (-PRIOR_WEIGHT * PRIOR_SD**2 / 2 + self.n * self.mean) / weight
        quantile = float(stdtrit(PRIOR_FREEDOM + self.n, 0.95))
        return math.exp(centre + variance / 2), math.exp(centre + quantile * math.sqrt(variance * (1 + 1 / weight)))


class CostModel:
    """Mean and 95th percentile of device seconds for (architecture, rung), the architecture known by its expected cost.

    log(measured / expected) of a rung is normal with unknown mean and variance; the mean returned is that of the lognormal,
    the percentile that of the Student predictive. Before any data the mean is the expected cost itself and the percentile
    about twice that. A rung whose first three ratios are equal has deterministic costs: both figures are then exact.
    """

    def __init__(self) -> None:
        self._rungs: dict[str, _Rung] = {}
        self._fresh = _Rung()

    @classmethod
    def fit(cls, measured: Mapping[str, Iterable[tuple[float, float]]]) -> CostModel:
        """A model of (expected, measured) device seconds by rung."""
        model = cls()
        for rung, pairs in measured.items():
            for expected, seconds in pairs:
                model.update(rung, expected, seconds)
        return model

    def update(self, rung: str, expected: float, measured: float) -> None:
        """Learn from one evaluation.

        Raises:
            DataError: If a figure is negative or not finite.
        """
        if not (math.isfinite(expected) and math.isfinite(measured) and expected >= 0 and measured >= 0):
            raise DataError(
                f"device seconds must be finite and not negative; got {measured} with {expected} expected on {rung!r}."
            )
        self._rungs.setdefault(rung, _Rung()).add(math.log(max(measured, FLOOR) / max(expected, FLOOR)))

    def mean(self, rung: str, expected: float) -> float:
        """Device seconds to expect for an evaluation whose expected cost is `expected`."""
        return _scaled(expected, self._rungs.get(rung, self._fresh).factors[0])

    def p95(self, rung: str, expected: float) -> float:
        """Device seconds that 19 of 20 such evaluations stay below: what gets reserved."""
        return _scaled(expected, self._rungs.get(rung, self._fresh).factors[1])


def _scaled(expected: float, factor: float) -> float:
    """Below the floor the factor acts on the floor, so that costs wrongly expected to be nothing are learned as well."""
    return expected if factor == 1.0 else max(expected, FLOOR) * factor
