"""Local search (White, Nolen and Savani, UAI 2021): simple, and strong on tabular benchmarks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.history import Runs, evaluation_rung
from mfsearch.allocation.options import at_least
from mfsearch.allocation.proxies import first_scores, ranking, trusted_rungs
from mfsearch.records import Architecture, EvaluationQuery, Json


class LocalSearch(AbstractPolicy):
    """Climbs from the best of a few: evaluate all neighbours, move to the best; at a local optimum, begin a new climb.

    A query remembers in `why` to which climb it belongs and around which centre it was asked, so that the history tells where
    the climb stands. What earlier climbs evaluated is not evaluated again.

    Args:
        initial: Architectures drawn at the beginning of a climb.
        first: Move as soon as a neighbour is better, instead of looking at all of them.
        rung: Where everything is evaluated; the target unless given.
        warm_start: Random architectures to be scored by the ladder's score rungs first, at most half of the budget's worth;
            climbs begin with the best by the mean rank of the trusted scores. 0: they begin at random.
        top: Architectures at the beginning of a climb with a warm start.
    """

    name = "local_search"

    def __init__(self, initial: int = 10, first: bool = False, rung: str = "", warm_start: int = 0, top: int = 20) -> None:
        at_least(self.name, 1, initial=initial, top=top)
        at_least(self.name, 0, warm_start=warm_start)
        self.size = top if warm_start else initial
        self.first, self.rung, self.warm_start = first, rung, warm_start
        self._neighbours: dict[str, list[Architecture]] = {}

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The next neighbours of where the climb stands, or the beginning of a new climb."""
        runs = Runs(state, evaluation_rung(self.name, state, self.rung))
        if self.warm_start and (scores := first_scores(state, trusted_rungs(self.name, state), self.warm_start, rng)):
            return Proposal(scores, reason="scores for the beginning")
        climb = max([1, *(_climb(query) for query in runs.queries)])
        own = {query.architecture.key: query for query in runs.queries if _climb(query) == climb}
        starters = [key for key, query in own.items() if "centre" not in query.why]
        missing = self.size - len(starters) if len(starters) == len(own) else 0
        if missing and (begun := self._begin(state, runs, min(n, missing), climb, rng)):
            return Proposal(begun)
        centre = str(next((query.why["centre"] for query in reversed(own.values()) if "centre" in query.why), ""))
        if not centre:
            if any(_climb(query) == climb for query in runs.running):
                return Proposal(reason="waits for the beginning of the climb")
            centre = max((key for key in starters if key in runs.values), key=runs.values.__getitem__, default="")
        while centre:
            nearby = self._around(state, centre)
            best = max((a.key for a in nearby if a.key in runs.values), key=runs.values.__getitem__, default=centre)
            better = runs.values[best] > runs.values[centre]
            unseen = [a for a in nearby if runs.open(a)]
            if unseen and not (self.first and better):
                chosen = [unseen[i] for i in rng.permutation(len(unseen))[:n]]
                return Proposal([_query(a, runs.rung, "next to where the climb stands", climb, centre) for a in chosen])
            if any(query.why.get("centre") == centre for query in runs.running):
                return Proposal(reason="waits for the neighbours of where the climb stands")
            centre = best if better else ""
        begun = self._begin(state, runs, min(n, self.size), climb + 1, rng)
        return Proposal(begun, reason="" if begun else "nothing new is affordable")

    def _begin(self, state: State, runs: Runs, n: int, climb: int, rng: np.random.Generator) -> list[EvaluationQuery]:
        if self.warm_start:
            ranked = [a for a in ranking(state, trusted_rungs(self.name, state)) if runs.open(a)][:n]
            if ranked:
                return [_query(a, runs.rung, "beginning of a climb, best by its scores", climb) for a in ranked]
        return [_query(a, runs.rung, "beginning of a climb, at random", climb) for a in runs.fresh(n, rng)]

    def _around(self, state: State, key: str) -> list[Architecture]:
        if key not in self._neighbours:
            self._neighbours[key] = state.space.neighbours(state.architectures[key])
        return self._neighbours[key]


def _climb(query: EvaluationQuery) -> int:
    number = query.why.get("climb", 0)
    return number if isinstance(number, int) else 0


def _query(architecture: Architecture, rung: str, reason: str, climb: int, centre: str = "") -> EvaluationQuery:
    why: Mapping[str, Json] = {"reason": reason, "climb": climb, **({"centre": centre} if centre else {})}
    return EvaluationQuery(architecture, rung, why=why)
