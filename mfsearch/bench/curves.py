"""From rows to regret over spent seconds: nothing but the rows and the truth is used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mfsearch.bench.run import oracle_of
from mfsearch.problems.base import Problem

_SLACK = 1e-9  # a regret of 0.5 points may be 0.5000000000001


@dataclass(frozen=True)
class Curve:
    """One run over time.

    Attributes:
        seconds: Device seconds spent after each of n rows.
        regret: Regret of the recommendation after each row, in the objective's unit; infinite before the first.
        recommended: The recommendation after each row; None before the first.
    """

    seconds: NDArray[np.float64]
    regret: NDArray[np.float64]
    recommended: tuple[str | None, ...]

    def until(self, seconds: float) -> Curve:
        """The part of it that had ended by then."""
        n = int(np.searchsorted(self.seconds, seconds * (1 + 1e-12), side="right"))
        return Curve(self.seconds[:n], self.regret[:n], self.recommended[:n])

    def at(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Regret at any moments: that of the last row that had ended."""
        places = np.searchsorted(self.seconds, seconds * (1 + 1e-12), side="right")
        return np.asarray(np.r_[np.inf, self.regret][places])

    @property
    def final(self) -> float:
        """Regret of the last recommendation; infinite where there is none."""
        return float(self.regret[-1]) if len(self.regret) else float("inf")

    @property
    def answer(self) -> str | None:
        """The last recommendation."""
        return self.recommended[-1] if self.recommended else None

    def stays(self, within: float) -> float:
        """Seconds from which the regret stays within a bound until the end; infinite where it does not."""
        outside = np.flatnonzero(self.regret > within + _SLACK)
        first = int(outside[-1]) + 1 if len(outside) else 0
        return float(self.seconds[first]) if first < len(self.seconds) else float("inf")

    def touches(self, within: float) -> float:
        """Seconds at which the regret is within a bound for the first time; infinite where it never is."""
        inside = np.flatnonzero(self.regret <= within + _SLACK)
        return float(self.seconds[inside[0]]) if len(inside) else float("inf")


NOTHING = Curve(np.empty(0), np.empty(0), ())
"""A run that was charged for nothing."""


def read_curves(table: pa.Table, problem: Problem) -> dict[str, dict[int, Curve]]:
    """Curves of every run of a table of rows: method -> seed -> curve, in the table's order.

    Raises:
        ConfigError: If the problem knows no truth.
        SpaceError: If a row recommends what is not of the problem's space.
    """
    oracle, sign = oracle_of(problem), problem.objective.sign
    known = {
        key: oracle.regret(problem.space.parse(key), sign) for key in table.column("recommended").unique().to_pylist() if key
    }
    found: dict[str, dict[int, tuple[list[float], list[str | None]]]] = {}
    columns = (table.column(name).to_pylist() for name in ("method", "seed", "seconds", "recommended"))
    for method, seed, seconds, recommended in zip(*columns, strict=True):
        spent, answers = found.setdefault(method, {}).setdefault(seed, ([], []))
        spent.append(seconds)
        answers.append(recommended)
    return {
        method: {
            seed: Curve(np.cumsum(spent), np.array([np.inf if key is None else known[key] for key in answers]), tuple(answers))
            for seed, (spent, answers) in runs.items()
        }
        for method, runs in found.items()
    }
