"""What a policy gets to see of a study's state."""

from __future__ import annotations

from mfsearch.allocation.base import State
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Objective, Observation, Status
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.store.state import StudyState
from mfsearch.surrogate.cost import CostModel


class Views:
    """Views of one study as it grows: from every observation the cost model learns once.

    A view is a pure function of the study's events. It is good until the next one is taken, whose costs it then has.
    """

    def __init__(self, space: AbstractSearchSpace, ladder: FidelityLadder) -> None:
        self._space, self._ladder = space, ladder
        self._costs = CostModel()
        self._learned: list[Observation] = []

    def __call__(self, state: StudyState) -> State:
        """The state with its cost model, learned from what was measured."""
        ladder, costs = self._ladder, self._learn(state)
        exact = {rung.name for rung in ladder.evaluations if rung.exact_cost}
        retries = int(state.settings["max_retries"])
        expected = sum(costs.mean(q.rung, ladder[q.rung].expected_cost(q.architecture)) for q in state.pending.values())
        return State(
            space=self._space,
            ladder=ladder,
            objective=Objective(**state.settings["objective"]),
            rule=state.settings["recommend"],
            observations=state.observations,
            pending=list(state.pending.values()),
            scores=state.scores,
            architectures=state.architectures,
            free=state.ledger.free,
            held=max(0.0, state.ledger.committed - expected),
            total=state.ledger.total,
            cost=lambda a, rung: costs.mean(rung, ladder[rung].expected_cost(a)),
            p95=lambda a, rung: (costs.mean if rung in exact else costs.p95)(rung, ladder[rung].expected_cost(a)),
            excluded=state.excluded(retries),
            repeatable=state.repeatable({rung.name: rung.seeds for rung in ladder.evaluations}, retries),
            memory=state.memory,
            step=state.step,
        )

    def _learn(self, state: StudyState) -> CostModel:
        known = len(self._learned)
        if known and (len(state.observations) < known or state.observations[known - 1] is not self._learned[-1]):
            self._costs, self._learned = CostModel(), []  # another study, or the same read anew
        for o in state.observations[len(self._learned) :]:
            if o.status is Status.OK and o.query.id in state.expected:
                self._costs.update(o.query.rung, self._ladder[o.query.rung].expected_cost(o.query.architecture), o.seconds)
            self._learned.append(o)
        return self._costs


def view(state: StudyState, space: AbstractSearchSpace, ladder: FidelityLadder) -> State:
    """One view, where no others follow."""
    return Views(space, ladder)(state)
