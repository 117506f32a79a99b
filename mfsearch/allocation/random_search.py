"""Random search on one rung: the yardstick of everything else."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.history import Runs, evaluation_rung, queries


class RandomSearch(AbstractPolicy):
    """Evaluates architectures drawn at random, without repeats, on one rung only.

    Args:
        rung: Where; the target unless given.
    """

    name = "random"

    def __init__(self, rung: str = "") -> None:
        self.rung = rung

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The next n architectures that the budget can pay for."""
        runs = Runs(state, evaluation_rung(self.name, state, self.rung))
        chosen = queries(runs.fresh(n, rng), runs.rung, "drawn at random")
        return Proposal(chosen, reason="" if chosen else "no architecture drawn at random is new and affordable")
