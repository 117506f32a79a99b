"""Local search, retold from the history of whole studies."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, pairwise

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.local_search import LocalSearch
from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.records import Architecture, EvaluationQuery, Json, Observation, ScoreQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

RNG = np.random.default_rng


def climbed(make: Callable[..., State], space: NASBench201Space, policy: LocalSearch, workers: int = 1) -> list[Observation]:
    study = Study(space, make().ladder, 450.0, policy=policy, executor=VirtualExecutor(workers), seed=2)
    study.run()
    return list(study.state.observations)


@pytest.mark.parametrize("workers", [1, 3])
def test_moves_to_the_best_neighbour_until_there_is_none(
    make: Callable[..., State], space: NASBench201Space, workers: int
) -> None:
    seen = climbed(make, space, LocalSearch(initial=4, rung="low"), workers)
    value = {o.query.architecture.key: float(o.value or 0.0) for o in seen}
    climbs = [list(group) for _, group in groupby(seen, key=lambda o: o.query.why["climb"])]
    assert len(climbs) > 2
    known: set[str] = set()
    for number, climb in enumerate(climbs, start=1):
        assert {o.query.why["climb"] for o in climb} == {number}
        starters = [o.query.architecture.key for o in climb if "centre" not in o.query.why]
        assert len(starters) == (4 if climb is not climbs[-1] else len(starters))
        centres = list(dict.fromkeys(str(o.query.why["centre"]) for o in climb if "centre" in o.query.why))
        known |= set(starters)
        for centre, following in pairwise([*centres, None]):
            nearby = {a.key for a in space.neighbours(space.parse(str(centre)))}
            known |= {o.query.architecture.key for o in climb if o.query.why.get("centre") == centre}
            if following is not None:
                assert nearby <= known
                assert value[following] > value[str(centre)]
            elif climb is not climbs[-1]:
                # A local optimum, or a way to one whose neighbours were all known already.
                at = str(centre)
                while True:
                    around = [a.key for a in space.neighbours(space.parse(at))]
                    assert set(around) <= known
                    top = max(around, key=value.__getitem__)
                    if value[top] <= value[at]:
                        break
                    at = top
        if centres:
            assert value[centres[0]] >= max(value[key] for key in starters)


def test_first_improvement_moves_at_once(make: Callable[..., State], space: NASBench201Space) -> None:
    seen = climbed(make, space, LocalSearch(initial=4, first=True, rung="low"))
    value = {o.query.architecture.key: float(o.value or 0.0) for o in seen}
    first = [o for o in seen if o.query.why["climb"] == 1 and "centre" in o.query.why]
    for before, after in pairwise(first):
        if value[before.query.architecture.key] > value[str(before.query.why["centre"])]:
            assert after.query.why["centre"] != before.query.why["centre"]


def test_waits_for_all_neighbours(make: Callable[..., State], space: NASBench201Space) -> None:
    centre, *nearby = [space.enumerate()[5000], *space.neighbours(space.enumerate()[5000])]
    tags: dict[str, Json] = {"climb": 1, "centre": centre.key}
    state = make(
        seen=[(a, "low") for a in [centre, *nearby[1:]]],
        pending=[EvaluationQuery(nearby[0], "low", why=tags)],
    )
    nothing = LocalSearch(initial=1, rung="low").propose(_tagged(state, tags), 1, RNG(0))
    assert (list(nothing.queries), nothing.reason) == ([], "waits for the neighbours of where the climb stands")


def _tagged(state: State, tags: dict[str, Json]) -> State:
    for place, o in enumerate(state.observations):
        o.query.why.update(tags if place else {"climb": 1})  # type: ignore[attr-defined]
    return state


def test_warm_start(make: Callable[..., State], space: NASBench201Space) -> None:
    policy = LocalSearch(rung="low", warm_start=30, top=3)
    (query,) = policy.propose(make(), 1, RNG(0)).queries
    assert isinstance(query, ScoreQuery)
    some: list[Architecture] = list({a.key: a for a in space.sample(30, RNG(1))}.values())
    queries = policy.propose(make(scored=some), 9, RNG(0)).queries
    best = sorted(some, key=lambda a: -a.genotype.count("nor_conv_3x3"))[:3]
    assert [q.architecture for q in queries if isinstance(q, EvaluationQuery)] == best


def test_nothing_affordable(make: Callable[..., State]) -> None:
    nothing = LocalSearch().propose(make(free=5.0), 1, RNG(0))
    assert (list(nothing.queries), nothing.reason) == ([], "nothing new is affordable")


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="policy local_search: initial must be 1 or more; got 0."):
        LocalSearch(initial=0)
