"""The search of MF-KD's first version: a Gaussian process on a low rung, and then, from the best found there, on the target.

As the authors' public notebook does it (Trofimov et al., 2020, algorithm 2): scikit-learn's regression, whatever is known of
one rung says nothing of the other but where to begin.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.history import Runs, evaluation_rung, queries
from mfsearch.allocation.options import at_least
from mfsearch.errors import ConfigError
from mfsearch.records import Architecture
from mfsearch.spaces.base import AbstractSearchSpace

_RESTARTS = 3


class TwoStep(AbstractPolicy):
    """Upper confidence bounds on a low rung, then on the target; for spaces that list themselves.

    Args:
        low: Name of the low rung; none: the target alone, from a random architecture.
        evaluations: Runs on the low rung, the first of them at random.
        beta: Standard deviations that are added to the mean.
    """

    name = "mfkd_two_step"

    def __init__(self, low: str = "", evaluations: int = 10, beta: float = 0.5) -> None:
        at_least(self.name, 1, evaluations=evaluations)
        at_least(self.name, 0, beta=beta)
        self.low, self.evaluations, self.beta = low, evaluations, beta

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """One query at a time; none while one runs."""
        everything = state.space.enumerate()
        if everything is None:
            raise ConfigError(f"policy {self.name} must have a space that lists itself; {state.space.name!r} does not.")
        target = Runs(state, state.ladder.target.name)
        runs, begin = target, None
        if self.low:
            low = Runs(state, evaluation_rung(self.name, state, self.low))
            if len(low.queries) < self.evaluations:
                runs = low
            elif low.values:
                best = max(low.values, key=lambda key: low.values[key])
                begin = next(a for a in everything if a.key == best)
        if runs.running:
            return Proposal(reason="waits for what runs")
        chosen = self._next(runs, state.space, everything, begin, rng)
        return Proposal(queries(chosen, runs.rung, "highest upper confidence bound"), reason="" if chosen else "nothing is open")

    def _next(
        self,
        runs: Runs,
        space: AbstractSearchSpace,
        everything: list[Architecture],
        begin: Architecture | None,
        rng: np.random.Generator,
    ) -> list[Architecture]:
        open = [a for a in everything if runs.open(a)]
        if not open:
            return []
        if not runs.values:
            return [begin] if begin is not None and runs.open(begin) else [open[int(rng.integers(len(open)))]]
        inputs = space.encode(everything)
        return [open[self._best(runs, inputs, everything, open, int(rng.integers(2**31)))]]

    def _best(
        self, runs: Runs, inputs: NDArray[np.float64], everything: list[Architecture], open: list[Architecture], seed: int
    ) -> int:
        places = {a.key: place for place, a in enumerate(everything)}
        spread = inputs.std(0)
        inputs = (inputs - inputs.mean(0)) / np.where(spread > 0, spread, 1.0)
        process = GaussianProcessRegressor(RBF(1.0), n_restarts_optimizer=_RESTARTS, normalize_y=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound: there are few figures
            process.fit(inputs[[places[key] for key in runs.values]], list(runs.values.values()))
        mean, deviation = process.predict(inputs[[places[a.key] for a in open]], return_std=True)
        return int(np.argmax(mean + self.beta * deviation))
