"""Random search at the target: the yardstick of everything else."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.records import EvaluationQuery


class RandomSearch(AbstractPolicy):
    """Evaluates architectures drawn at random, without repeats, at the target rung only."""

    name = "random"

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The next n architectures that the budget can pay for."""
        target = state.ladder.target.name
        chosen: dict[str, EvaluationQuery] = {}
        for _ in range(100):  # in a small space nearly everything may be evaluated already
            for a in state.space.sample(4 * n, rng):
                if len(chosen) < n and (a.key, target) not in state.excluded and state.affordable(a, target):
                    chosen[a.key] = EvaluationQuery(a, target, why={"reason": "drawn at random"})
            if len(chosen) == n:
                break
        return Proposal(list(chosen.values()), reason="" if chosen else "no architecture drawn at random is new and affordable")
