"""MF-KD's schedule: its warm-up, its bound, and its way on a function with a known optimum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.history import through
from mfsearch.allocation.mfkd import MFKD
from mfsearch.allocation.schedule import WARM_UP
from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.synthetic import branin
from mfsearch.records import EvaluationQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

RNG = np.random.default_rng


@pytest.mark.parametrize("workers", [1, 3])
def test_a_nested_warm_up_then_high_runs_only(make: Callable[..., State], space: NASBench201Space, workers: int) -> None:
    study = Study(space, make().ladder, 360.0, policy=MFKD(), executor=VirtualExecutor(workers))
    study.run()
    asked = [(o.query.architecture.key, o.query.rung, o.query.why["reason"]) for o in study.state.observations]
    low = [key for key, rung, reason in asked if (rung, reason) == ("low", WARM_UP)]
    high = [key for key, rung, reason in asked if (rung, reason) == ("full", WARM_UP)]
    assert (len(set(low)), len(set(high))) == (100, 20)
    assert set(high) <= set(low)
    rest = [(rung, reason) for _, rung, reason in asked if reason != WARM_UP]
    assert rest
    assert set(rest) == {("full", "highest upper confidence bound")}
    assert study.state.scores == {}


def test_scaled_it_keeps_to_its_share(make: Callable[..., State], space: NASBench201Space) -> None:
    study = Study(space, make().ladder, 300.0, policy=MFKD(share=0.4), executor=VirtualExecutor())
    study.run()
    warming = [o for o in study.state.observations if o.query.why["reason"] == WARM_UP]
    counts = [sum(o.query.rung == rung for o in warming) for rung in ("low", "full")]
    assert counts == [40, 8]
    assert sum(o.seconds for o in warming) <= 120.0


def test_the_choice_is_the_highest_bound(make: Callable[..., State], space: NASBench201Space) -> None:
    some = list({a.key: a for a in space.sample(30, RNG(0))}.values())[:20]
    state = make(seen=[*((a, "low") for a in some), *((a, "full") for a in some[:5])], memory={"warm_up": [0, 0]})
    (query,) = MFKD(beta=2.0).propose(state, 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    everything = [a for a in space.enumerate() if a not in some[:5]]
    mean, variance = Belief(through(state, ["low", "full"])).mean_variance(everything, 1)
    assert query.architecture == everything[int(np.argmax(mean + 2.0 * np.sqrt(variance)))]
    assert query.rung == "full"


def test_parallel_choices_differ(make: Callable[..., State], space: NASBench201Space) -> None:
    some = list({a.key: a for a in space.sample(30, RNG(0))}.values())[:20]
    state = make(seen=[*((a, "low") for a in some), *((a, "full") for a in some[:5])], memory={"warm_up": [0, 0]})
    queries = MFKD().propose(state, 3, RNG(0)).queries
    assert len({q.architecture.key for q in queries if isinstance(q, EvaluationQuery)}) == 3


def test_without_money_for_a_high_run_it_ends(make: Callable[..., State], space: NASBench201Space) -> None:
    state = make(seen=[(space.enumerate()[5], "low")], memory={"warm_up": [0, 0]}, free=9.0)
    nothing = MFKD().propose(state, 1, RNG(0))
    assert (list(nothing.queries), nothing.reason) == ([], "no run on the high rung is affordable")


def test_finds_the_minimum_of_branin(tmp_path: Path) -> None:
    problem = branin(tmp_path)
    study = Study(
        problem.space,
        problem.ladder,
        200.0,
        objective=problem.objective,
        policy=MFKD(low=20, high=4),
        executor=VirtualExecutor(),
        recommend="predicted",
    )
    found = study.run()
    assert found is not None
    assert problem.oracle is not None
    assert problem.oracle.regret(found.architecture, problem.objective.sign) < 0.5


def test_errors(make: Callable[..., State]) -> None:
    with pytest.raises(ConfigError, match="policy mfkd: high must be at most low, 5: the high set is part of it; got 6."):
        MFKD(low=5, high=6)
    with pytest.raises(ConfigError, match="policy mfkd must have 2 evaluation rungs or more; got full."):
        MFKD().propose(make(ladder=FidelityLadder([make().ladder.target])), 1, RNG(0))
