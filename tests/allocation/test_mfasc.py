"""MF-ASC's schedule: turns, bounds, and the sign of the low one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.history import Runs, through
from mfsearch.allocation.mfasc import MFASC
from mfsearch.allocation.schedule import WARM_UP
from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.records import Architecture, EvaluationQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

RNG = np.random.default_rng
NO_WARM_UP = {"warm_up": [0, 0]}


@pytest.fixture
def some(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(60, RNG(0))}.values())


@pytest.mark.parametrize("ratio", [2, 3])
def test_warm_up_and_turns(make: Callable[..., State], space: NASBench201Space, ratio: int) -> None:
    policy = MFASC(ratio=ratio, candidates=50)
    study = Study(space, make().ladder, 130.0, policy=policy, executor=VirtualExecutor(), seed=4)
    study.run()
    asked = [o.query for o in study.state.observations]
    assert [q.rung for q in asked[:13]] == ["full"] * 3 + ["low"] * 10
    assert {q.why["reason"] for q in asked[:13]} == {WARM_UP}
    spent = 40.0
    for step, query in enumerate(asked[13:], start=14):
        due = "full" if step % ratio == 0 and 130.0 - spent >= 10.0 else "low"
        assert query.rung == due
        spent += 10.0 if due == "full" else 1.0


@pytest.mark.parametrize(("low", "rung"), [(5, "full"), (6, "low")])
def test_the_choice_is_the_highest_bound(
    make: Callable[..., State], some: list[Architecture], space: NASBench201Space, low: int, rung: str
) -> None:
    state = make(seen=[*((a, "low") for a in some[:low]), *((a, "full") for a in some[:4])], memory=NO_WARM_UP)
    (query,) = MFASC(beta=1.5, candidates=40).propose(state, 1, RNG(7)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.rung == rung
    drawn = Runs(state, rung).fresh(40, RNG(7))
    mean, variance = Belief(through(state, ["low", "full"])).mean_variance(drawn, int(rung == "full"))
    assert query.architecture == drawn[int(np.argmax(mean + 1.5 * np.sqrt(variance)))]


def test_a_low_rung_that_runs_against_the_high_one(make: Callable[..., State], some: list[Architecture]) -> None:
    state = make(seen=[*((a, "low") for a in some[:30]), *((a, "full") for a in some[:18])], memory=NO_WARM_UP)
    turned = [replace(o, value=120.0 - float(o.value or 0.0)) if o.query.rung == "low" else o for o in state.observations]
    state = replace(state, observations=turned)
    (query,) = MFASC(candidates=200, ratio=5).propose(state, 1, RNG(7)).queries
    assert isinstance(query, EvaluationQuery)
    belief = Belief(through(state, ["low", "full"]))
    assert belief.model.correlation(0) < 0
    drawn = Runs(state, "low").fresh(200, RNG(7))
    mean, variance = belief.mean_variance(drawn, 0)
    assert query.architecture == drawn[int(np.argmax(mean - np.sqrt(variance)))]


def test_scaled_it_keeps_to_its_share(make: Callable[..., State], space: NASBench201Space) -> None:
    study = Study(space, make().ladder, 60.0, policy=MFASC(share=0.4, candidates=50), executor=VirtualExecutor())
    study.run()
    warming = [o for o in study.state.observations if o.query.why["reason"] == WARM_UP]
    # 24 s: 10 low and 3 high would cost 40
    assert [sum(o.query.rung == rung for o in warming) for rung in ("low", "full")] == [6, 1]


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="policy mfasc: ratio must be 1 or more; got 0."):
        MFASC(ratio=0)
