"""What a policy gets to see of a study's state."""

from __future__ import annotations

from mfsearch.allocation.base import State
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Objective, Status
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.store.state import StudyState
from mfsearch.surrogate.cost import CostModel


def view(state: StudyState, space: AbstractSearchSpace, ladder: FidelityLadder) -> State:
    """The state of a study with its cost model, learned from what was measured; a pure function of the events."""
    measured: dict[str, list[tuple[float, float]]] = {}
    for o in state.observations:
        if o.status is Status.OK and o.query.id in state.expected:
            measured.setdefault(o.query.rung, []).append((ladder[o.query.rung].expected_cost(o.query.architecture), o.seconds))
    costs = CostModel.fit(measured)
    retries = int(state.settings["max_retries"])
    return State(
        space=space,
        ladder=ladder,
        objective=Objective(**state.settings["objective"]),
        rule=state.settings["recommend"],
        observations=state.observations,
        pending=list(state.pending.values()),
        scores=state.scores,
        architectures=state.architectures,
        free=state.ledger.free,
        total=state.ledger.total,
        cost=lambda a, rung: costs.mean(rung, ladder[rung].expected_cost(a)),
        p95=lambda a, rung: costs.p95(rung, ladder[rung].expected_cost(a)),
        excluded=state.excluded(retries),
        repeatable=state.repeatable({rung.name: rung.seeds for rung in ladder.evaluations}, retries),
        memory=state.memory,
        step=state.step,
    )
