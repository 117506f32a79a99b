"""Regularised evolution on scripted histories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.evolution import RegularisedEvolution
from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, EvaluationQuery, Json, Observation, ScoreQuery, Status
from mfsearch.spaces.nasbench201 import NASBench201Space

RNG = np.random.default_rng


@pytest.fixture
def some(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(60, RNG(1))}.values())


def history(make: Callable[..., State], architectures: list[Architecture], values: list[float], **more: object) -> State:
    state = make(seen=[(a, "full") for a in architectures], **more)
    return replace(state, observations=[replace(o, value=value) for o, value in zip(state.observations, values, strict=True)])


def test_the_first_population_is_random(make: Callable[..., State], some: list[Architecture]) -> None:
    state = make(seen=[(a, "full") for a in some[:3]], pending=[EvaluationQuery(some[3], "full")])
    queries = RegularisedEvolution(population=6).propose(state, 2, RNG(0)).queries
    assert [q.why["reason"] for q in queries if isinstance(q, EvaluationQuery)] == ["first population"] * 2
    assert len({q.architecture.key for q in queries if isinstance(q, EvaluationQuery)} - {a.key for a in some[:4]}) == 2


def test_the_old_die_however_good_they_are(make: Callable[..., State], some: list[Architecture], space: NASBench201Space) -> None:
    """Twelve were born, falling in value; with three alive the parents are the last three, and children their neighbours."""
    state = history(make, some[:12], [90.0 - i for i in range(12)])
    parents = set()
    for seed in range(40):
        (query,) = RegularisedEvolution(population=3, sample=1).propose(state, 1, RNG(seed)).queries
        assert isinstance(query, EvaluationQuery)
        parent = str(query.why["parent"])
        parents.add(parent)
        assert query.architecture in space.neighbours(state.architectures[parent])
    assert parents == {a.key for a in some[9:12]}


def test_parents_are_drawn_as_the_tournament_says(make: Callable[..., State], some: list[Architecture]) -> None:
    """The best of S draws with replacement from P is number r with probability ((P-r+1)^S - (P-r)^S) / P^S."""
    state = history(make, some[:4], [80.0, 70.0, 60.0, 50.0])
    policy, draws = RegularisedEvolution(population=4, sample=2), 1500
    parents = Counter(
        str(query.why["parent"])
        for seed in range(draws)
        for query in policy.propose(state, 1, RNG(seed)).queries
        if isinstance(query, EvaluationQuery)
    )
    for rank, a in enumerate(some[:4], start=1):
        expected = ((5 - rank) ** 2 - (4 - rank) ** 2) / 16
        assert parents[a.key] / draws == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / draws))


def test_a_known_child_is_born_for_free(make: Callable[..., State], some: list[Architecture], space: NASBench201Space) -> None:
    """Of the only parent's neighbours all but one are known, and bad: some are born again before the new one is found."""
    nearby = space.neighbours(some[0])
    known = [a for a in nearby[1:] if a != some[0]]
    state = history(make, [*known, some[0]], [50.0] * len(known) + [90.0])
    memory: dict[str, Json] = {"alive": [some[0].key], "born": len(known) + 1}
    policy = RegularisedEvolution(population=200, sample=200)
    proposal = policy.propose(replace(state, memory=memory), 1, RNG(0))
    (query,) = proposal.queries
    assert isinstance(query, EvaluationQuery)
    assert query.architecture == nearby[0]
    alive = proposal.memory["alive"]
    assert isinstance(alive, list)
    assert alive[0] == some[0].key
    assert {str(key) for key in alive[1:]} <= {a.key for a in known}
    assert len(alive) > 2
    few = RegularisedEvolution(population=2, sample=2).propose(replace(state, memory=memory), 1, RNG(0)).memory["alive"]
    assert isinstance(few, list)
    assert len(few) == 2


def test_the_population_goes_on_from_memory(make: Callable[..., State], some: list[Architecture]) -> None:
    state = history(make, some[:6], [50.0 + i for i in range(6)])
    memory: dict[str, Json] = {"alive": [a.key for a in (some[2], some[0], some[1])], "born": 5}
    proposal = RegularisedEvolution(population=3, sample=1).propose(replace(state, memory=memory), 1, RNG(0))
    alive, born = proposal.memory["alive"], proposal.memory["born"]
    assert isinstance(alive, list)
    assert alive[-3:] == [a.key for a in (some[0], some[1], some[5])]  # the oldest made room for what came back
    assert born == 6


def test_failures_are_no_parents(make: Callable[..., State], some: list[Architecture]) -> None:
    failed = [Observation(EvaluationQuery(a, "full"), Status.FAILED, 1.0) for a in some[:5]]
    (query,) = RegularisedEvolution(population=5).propose(make(observations=failed), 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.why["reason"] == "first population"


def test_warm_start(make: Callable[..., State], some: list[Architecture]) -> None:
    policy = RegularisedEvolution(rung="low", warm_start=50, top=4)
    (query,) = policy.propose(make(), 1, RNG(0)).queries
    assert isinstance(query, ScoreQuery)
    assert len(query.architectures) == 50
    queries = policy.propose(make(scored=some), 9, RNG(0)).queries
    best = sorted(some, key=lambda a: -a.genotype.count("nor_conv_3x3"))[:4]
    founders = [q for q in queries if isinstance(q, EvaluationQuery)][:4]
    assert [(q.architecture, q.rung) for q in founders] == [(a, "low") for a in best]
    assert policy.sample == 2


def test_nothing_affordable(make: Callable[..., State], some: list[Architecture]) -> None:
    nothing = RegularisedEvolution().propose(make(seen=[(a, "full") for a in some[:12]], free=5.0), 1, RNG(0))
    assert (list(nothing.queries), nothing.reason) == ([], "nothing new is affordable")


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="policy regularised_evolution: sample must be 1 or more; got 0."):
        RegularisedEvolution(sample=0)
    with pytest.raises(ConfigError, match="warm_start must be 0 or more; got -1."):
        RegularisedEvolution(warm_start=-1)
