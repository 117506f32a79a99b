"""What a policy sees of a study."""

from __future__ import annotations

import numpy as np

from mfsearch.allocation.random_search import RandomSearch
from mfsearch.allocation.view import view
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, Measurement, Objective
from mfsearch.spaces.box import BoxSpace
from mfsearch.study import Study

SPACE = BoxSpace("line", {"x": (0.0, 1.0)})


class Slow(AbstractEvaluation):
    """Always takes three times as long as it says."""

    name, signal = "full", "value"

    def expected_cost(self, architecture: Architecture) -> float:
        return 2.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        return Measurement({"value": 1.0}, 6.0)


def test_costs_are_learned_from_what_was_measured() -> None:
    study = Study(
        SPACE, [Slow()], 60.0, objective=Objective("value", unit="none"), policy=RandomSearch(), executor=VirtualExecutor()
    )
    a = SPACE.sample(1, np.random.default_rng(0))[0]
    before = view(study.state, study.space, study.ladder)
    assert before.cost(a, "full") == 2.0
    study.run()
    after = view(study.state, study.space, study.ladder)
    assert abs(after.cost(a, "full") - 6.0) < 1e-6
    assert after.p95(a, "full") >= after.cost(a, "full")
    assert (after.total, after.free, after.rule) == (60.0, study.ledger.free, "evaluated")
    assert len(after.excluded) == len(study.state.observations)


def test_nothing_is_reserved_beyond_a_cost_that_is_exact() -> None:
    known, unknown = Slow(), Slow()
    known.name, known.exact_cost = "known", True
    study = Study(
        SPACE,
        [known, unknown],
        60.0,
        objective=Objective("value", unit="none"),
        policy=RandomSearch(),
        executor=VirtualExecutor(),
    )
    seen = view(study.state, study.space, study.ladder)
    a = SPACE.sample(1, np.random.default_rng(0))[0]
    assert seen.p95(a, "known") == seen.cost(a, "known") == 2.0
    assert seen.p95(a, "full") > 3.0


def test_what_runs_is_promised_more_than_it_is_expected_to_take() -> None:
    study = Study(
        SPACE, [Slow()], 60.0, objective=Objective("value", unit="none"), policy=RandomSearch(), executor=VirtualExecutor(4)
    )
    assert (view(study.state, study.space, study.ladder).left, study.ledger.free) == (60.0, 60.0)
    (query,) = study.ask(1)
    seen = view(study.state, study.space, study.ladder)
    promised = study.ledger.reservations[query.id].limit
    assert promised > 15.0, "a quarter of the budget, for one of four devices"
    assert (seen.free, seen.held, seen.left) == (60.0 - promised, promised - 2.0, 58.0)
