"""Regularised evolution (Real, Aggarwal, Huang and Le, AAAI 2019), the strong opponent without a model."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.history import Runs, evaluation_rung
from mfsearch.allocation.options import at_least
from mfsearch.allocation.proxies import first_scores, ranking, trusted_rungs
from mfsearch.records import Architecture, EvaluationQuery, Json

_TRIES = 1000  # children in a row that are known already, before a random architecture takes their place


class RegularisedEvolution(AbstractPolicy):
    """The population is what was born last; the best of a random sample of it begets a random neighbour of itself.

    A child that was evaluated before is born for free, with the value that is known, and another one is drawn. Sampling is
    with replacement, as in the paper; without a warm start the defaults are NATS-Bench's.

    Args:
        population: Number of architectures alive: the oldest dies whenever one is born.
        sample: How many of them compete for being the parent. None: 3, or half of `top` with a warm start.
        rung: Where everything is evaluated; the target unless given.
        warm_start: Random architectures to be scored by the ladder's score rungs first, for at most half of the budget;
            the best by the mean rank of the trusted scores are the first population. 0: it is drawn at random.
        top: Size of the population with a warm start.
    """

    name = "regularised_evolution"

    def __init__(
        self, population: int = 10, sample: int | None = None, rung: str = "", warm_start: int = 0, top: int = 20
    ) -> None:
        at_least(self.name, 1, population=population, top=top, **({} if sample is None else {"sample": sample}))
        at_least(self.name, 0, warm_start=warm_start)
        self.size = top if warm_start else population
        self.sample = sample or (max(1, top // 2) if warm_start else 3)
        self.rung, self.warm_start = rung, warm_start
        self._neighbours: dict[str, list[Architecture]] = {}

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """Scores where there is a warm start, then the first population, then children."""
        runs = Runs(state, evaluation_rung(self.name, state, self.rung))
        if self.warm_start and (scores := first_scores(state, trusted_rungs(self.name, state), self.warm_start, rng)):
            return Proposal(scores, reason="scores for the first population")
        alive = self._alive(state, runs)
        missing = self.size - len(runs.values) - len(runs.running)
        chosen = self._founders(state, runs, min(n, missing), rng) if missing > 0 else []
        while len(chosen) < n:
            taken = {query.architecture.key for query in chosen}
            child = self._child(state, runs, alive, taken, rng) if alive else None
            if child is None:
                drawn = runs.fresh(1, rng, taken)
                if not drawn:
                    break
                child = EvaluationQuery(drawn[0], runs.rung, why={"reason": "at random: parents have no new children"})
            chosen.append(child)
        memory: dict[str, Json] = {"alive": list(alive), "born": len(runs.values)}
        return Proposal(chosen, memory, "" if chosen else "nothing new is affordable")

    def _alive(self, state: State, runs: Runs) -> list[str]:
        """Keys of the population, oldest first: that of the last proposal, and what has come back since."""
        remembered, born = state.memory.get("alive"), state.memory.get("born")
        known = list(runs.values)
        if not (isinstance(remembered, list) and isinstance(born, int)):
            return known[-self.size :]
        return [*(str(key) for key in remembered), *known[born:]][-self.size :]

    def _founders(self, state: State, runs: Runs, n: int, rng: np.random.Generator) -> list[EvaluationQuery]:
        if not self.warm_start:
            return [EvaluationQuery(a, runs.rung, why={"reason": "first population"}) for a in runs.fresh(n, rng)]
        best = [a for a in ranking(state, trusted_rungs(self.name, state)) if runs.open(a)]
        return [EvaluationQuery(a, runs.rung, why={"reason": "first population, best by its scores"}) for a in best[:n]]

    def _child(
        self, state: State, runs: Runs, alive: list[str], taken: set[str], rng: np.random.Generator
    ) -> EvaluationQuery | None:
        """The first new child; those before it join `alive`."""
        for _ in range(_TRIES):
            contest = [alive[i] for i in rng.integers(len(alive), size=self.sample)]
            parent = max(contest, key=lambda key: runs.values[key])
            if parent not in self._neighbours:
                self._neighbours[parent] = state.space.neighbours(state.architectures[parent])
            nearby = self._neighbours[parent]
            if not nearby:
                continue
            child = nearby[rng.integers(len(nearby))]
            if child.key in runs.values:
                alive.append(child.key)
                del alive[: -self.size]
            elif child.key not in taken and runs.open(child):
                return EvaluationQuery(child, runs.rung, why={"reason": "child of the best of a sample", "parent": parent})
        return None
