"""What is read out of a state about one rung."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.history import Runs, evaluation_rung, evaluation_rungs, mean_costs, queries, through
from mfsearch.errors import ConfigError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery, Observation, Status
from mfsearch.spaces.nasbench201 import NASBench201Space

RNG = np.random.default_rng


@pytest.fixture
def some(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(30, RNG(0))}.values())


def test_what_came_back_and_what_may_be_asked(make: Callable[..., State], some: list[Architecture]) -> None:
    ok, failed, cut, hopeless, running, new, elsewhere = some[:7]
    ends = [
        Observation(EvaluationQuery(failed, "full"), Status.FAILED, 1.0),
        Observation(EvaluationQuery(ok, "full"), Status.OK, 1.0, 70.0),
        Observation(EvaluationQuery(cut, "full"), Status.CUT, 1.0),
        Observation(EvaluationQuery(elsewhere, "low"), Status.OK, 1.0, 60.0),
    ]
    pending = [EvaluationQuery(running, "full"), EvaluationQuery(new, "low")]
    state = make(observations=ends, pending=pending, excluded=frozenset({(hopeless.key, "full"), (ok.key, "full")}))
    runs = Runs(state, "full")
    assert runs.values == {ok.key: 70.0}
    assert runs.running == pending[:1]
    assert [q.architecture for q in runs.queries] == [failed, ok, cut, running]
    assert [a for a in some[:7] if runs.open(a)] == [failed, new, elsewhere]
    assert not any(Runs(replace(state, free=9.9), "full").open(a) for a in some)


def test_fresh_are_new_different_and_affordable(make: Callable[..., State], space: NASBench201Space) -> None:
    everything = space.enumerate()
    left = everything[100:110]  # of 6,466, ten are open
    excluded = frozenset((a.key, "low") for a in everything if a not in left)
    found = Runs(make(excluded=excluded), "low").fresh(20, RNG(0), taken={left[0].key})
    assert {a.key for a in found} == {a.key for a in left[1:]}
    assert {a.key for a in Runs(make(excluded=excluded), "low").fresh(20, RNG(1))} == {a.key for a in left}
    assert len({a.key for a in Runs(make(), "low").fresh(200, RNG(0))}) == 200
    assert Runs(make(free=0.5), "low").fresh(3, RNG(0)) == []
    assert Runs(make(), "low").fresh(0, RNG(0)) == []


def test_names_of_rungs(make: Callable[..., State]) -> None:
    state = make()
    assert evaluation_rung("walk", state, "") == "full"
    assert evaluation_rung("walk", state, "low") == "low"
    with pytest.raises(ConfigError, match="policy walk: rung must be an evaluation of the ladder, low or full; got 'proxies'."):
        evaluation_rung("walk", state, "proxies")
    assert evaluation_rungs("walk", state) == ["low", "full"]
    alone = make(ladder=FidelityLadder([state.ladder.target]))
    with pytest.raises(ConfigError, match="policy walk must have 2 evaluation rungs or more; got full."):
        evaluation_rungs("walk", alone)


def test_mean_costs(make: Callable[..., State]) -> None:
    assert mean_costs(make(), ["low", "full"], RNG(0)) == [1.0, 10.0]


def test_through_some_rungs_only(make: Callable[..., State], some: list[Architecture]) -> None:
    state = make(
        seen=[(some[0], "low"), (some[1], "full")],
        pending=[EvaluationQuery(some[2], "low"), EvaluationQuery(some[3], "full")],
        memory={"model": {"fitted_at": 3}, "hyperparameters": {"of": "the whole ladder"}},
    )
    view = through(state, ["proxies", "low"])
    assert [rung.name for rung in view.ladder] == ["proxies", "low"]
    assert [o.query.architecture for o in view.observations] == [some[0]]
    assert [q.architecture for q in view.pending] == [some[2]]
    assert view.memory == {"fitted_at": 3}
    assert through(make(), ["low"]).memory == {}


def test_queries_give_their_reason(some: list[Architecture]) -> None:
    made = queries(some[:2], "low", "because")
    assert [(q.architecture, q.rung, q.why["reason"]) for q in made] == [(a, "low", "because") for a in some[:2]]
