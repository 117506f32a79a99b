"""What is bought before the surrogate decides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.beginning import Beginning
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

RNG = np.random.default_rng


def convs(query: EvaluationQuery) -> int:
    return query.architecture.genotype.count("nor_conv_3x3")


@pytest.fixture
def members(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(120, RNG(0))}.values())[:100]


@pytest.fixture
def beginning() -> Beginning:
    return Beginning(None, 0.3, 0.1)


def test_devices_that_would_wait_begin_with_what_scores_think_best(
    make: Callable[..., State], members: list[Architecture], beginning: Beginning
) -> None:
    queries = beginning.evaluations(make(scored=members), 8, [], RNG(0))
    assert [q.architecture for q in queries[:2]] == members[:2]
    assert len({q.architecture.key for q in queries}) == 8
    assert {q.rung for q in queries} == {"low"}
    best = sorted((a.genotype.count("nor_conv_3x3") for a in members[2:]), reverse=True)
    assert [convs(q) for q in queries[2:]] == best[:6]
    assert all(str(q.why["reason"]).startswith("best by its scores") for q in queries[2:])


def test_one_device_at_a_time_finds_the_same_ones(
    make: Callable[..., State], members: list[Architecture], beginning: Beginning
) -> None:
    together = beginning.evaluations(make(scored=members), 6, [], RNG(0))
    running: list[EvaluationQuery] = []
    for _ in range(6):
        taken = frozenset((q.architecture.key, q.rung) for q in running)
        running += beginning.evaluations(make(scored=members, pending=running, excluded=taken), 1, [], RNG(0))
    assert [q.architecture for q in running] == [q.architecture for q in together]


def test_what_is_begun_so_is_a_small_part_of_the_budget_and_the_better_half(
    make: Callable[..., State], members: list[Architecture], beginning: Beginning
) -> None:
    assert len(beginning.evaluations(make(scored=members), 64, [], RNG(0))) == 50
    assert len(beginning.evaluations(make(scored=members, total=200.0), 64, [], RNG(0))) == 20  # a tenth of 200 s, at 1 s each
    assert len(beginning.evaluations(make(scored=members, total=5.0), 64, [], RNG(0))) == 2


def test_nobody_begins_so_once_something_is_known(
    make: Callable[..., State], members: list[Architecture], beginning: Beginning
) -> None:
    state = make(scored=members, seen=[(members[0], "low")])
    assert [q.architecture for q in beginning.evaluations(state, 8, state.observations, RNG(0))] == [members[1]]


def test_without_trusted_scores_they_are_drawn_at_random(make: Callable[..., State], beginning: Beginning) -> None:
    _, *rungs = make().ladder
    queries = beginning.evaluations(make(ladder=FidelityLadder(rungs)), 9, [], RNG(0))
    assert len({q.architecture.key for q in queries}) == 9
    assert [str(q.why["reason"]).partition(":")[2] for q in queries] == 4 * [" the surrogate needs a beginning"] + 5 * [
        " a device would wait for the first evaluation to end"
    ]


def test_no_device_waits_at_the_beginning_of_a_search(make: Callable[..., State], space: NASBench201Space) -> None:
    state = make()
    study = Study(space, state.ladder, 100.0, objective=state.objective, policy=CostAware(), executor=VirtualExecutor(8), seed=3)
    study.run()
    assert sum(str(o.query.why["reason"]).endswith("to end") for o in study.state.observations) == 6
