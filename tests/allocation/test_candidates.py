"""Where queries and recommendations are looked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.candidates import around, pool, refine
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, Observation, Status
from mfsearch.spaces.box import BoxSpace
from mfsearch.spaces.nasbench201 import NASBench201Space

BOX = BoxSpace("plane", {"x": (-2.0, 2.0), "y": (0.0, 10.0)})


class Full(AbstractEvaluation):
    name, signal = "full", "value"

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        return Measurement({"value": value(architecture)}, 1.0)


def value(a: Architecture) -> float:
    x, y = (float(str(gene)) for gene in a.genotype)
    return -((x - 0.5) ** 2) - 0.1 * (y - 3.0) ** 2


def plane(make: Callable[..., State]) -> State:
    seen = BOX.sample(25, np.random.default_rng(0))
    observations = [Observation(EvaluationQuery(a, "full", id=i), Status.OK, 1.0, value(a), 0.0) for i, a in enumerate(seen)]
    return make(
        space=BOX,
        ladder=FidelityLadder([Full()]),
        objective=Objective("value", unit="none"),
        observations=observations,
        architectures={a.key: a for a in seen},
    )


def test_scored_architectures_are_the_pool(make: Callable[..., State], space: NASBench201Space) -> None:
    members = list({a.key: a for a in space.sample(30, np.random.default_rng(0))}.values())
    state = make(seen=[(a, "low") for a in members[:5]], scored=members)
    assert pool(state, Belief(state), np.random.default_rng(0)) == members


def test_a_listed_space_is_looked_at_whole(make: Callable[..., State], space: NASBench201Space) -> None:
    ladder = FidelityLadder([Full()])
    a = space.sample(1, np.random.default_rng(0))[0]
    observations = [Observation(EvaluationQuery(a, "full", id=0), Status.OK, 1.0, 1.0)]
    state = make(ladder=ladder, objective=Objective("value", unit="none"), observations=observations)
    assert len(pool(state, Belief(state), np.random.default_rng(0))) == 6466


def test_points_around_a_centre_lie_at_several_distances() -> None:
    centre = BOX.sample(1, np.random.default_rng(3))[0]
    near = BOX.encode(around(BOX, centre, np.random.default_rng(0)))
    assert ((near >= 0) & (near <= 1)).all()
    distances = np.linalg.norm(near - BOX.encode([centre]), axis=1)
    assert (distances < 0.01).sum() >= 20
    assert (distances > 0.1).sum() >= 10


def test_of_what_a_long_study_has_met_the_most_promising_are_looked_at(
    make: Callable[..., State], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = plane(make)
    met = BOX.sample(400, np.random.default_rng(1))
    state = replace(state, architectures={**state.architectures, **{a.key: a for a in met}})
    belief = Belief(state)
    everything = {a.key for a in pool(state, belief, np.random.default_rng(0))}
    assert state.architectures.keys() <= everything
    monkeypatch.setattr("mfsearch.allocation.candidates._KNOWN", 100)
    known = list(state.architectures.values())
    mean, _ = belief.mean_variance(known, 0)
    looked_at = {a.key for a in pool(state, belief, np.random.default_rng(0))} & state.architectures.keys()
    assert 50 <= len(looked_at) <= 100
    assert {known[i].key for i in np.argsort(-mean)[:50]} <= looked_at


def test_refinement_finds_the_top_of_the_posterior(make: Callable[..., State]) -> None:
    state = plane(make)
    belief = Belief(state)
    members = refine(state, belief, np.random.default_rng(0))
    mean, _ = belief.mean_variance(members, 0)
    grid = BOX.decode(np.stack(np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 1, 60)), -1).reshape(-1, 2))
    assert mean.max() >= belief.mean_variance(grid, 0)[0].max() - 1e-3
    x, y = (float(str(gene)) for gene in members[int(mean.argmax())].genotype)
    assert abs(x - 0.5) < 0.1
    assert abs(y - 3.0) < 0.5
