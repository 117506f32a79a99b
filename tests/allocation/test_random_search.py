"""Random search draws without repeats, at the target, within the budget."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.records import EvaluationQuery
from mfsearch.spaces.nasbench201 import NASBench201Space


def test_new_architectures_at_the_target(make: Callable[..., State], space: NASBench201Space) -> None:
    drawn = space.sample(40, np.random.default_rng(5))
    state = make(seen=[(a, "full") for a in drawn[:20]])
    queries = [q for q in RandomSearch().propose(state, 10, np.random.default_rng(5)).queries if isinstance(q, EvaluationQuery)]
    keys = [q.architecture.key for q in queries]
    assert len(set(keys)) == 10
    assert not set(keys) & {a.key for a in drawn[:20]}
    assert {q.rung for q in queries} == {"full"}


def test_every_class_is_as_likely_as_its_size(make: Callable[..., State], space: NASBench201Space) -> None:
    """The first draw over many seeds: cells of five `none`s are one class of thousands of strings' worth, and come up most."""
    firsts = [RandomSearch().propose(make(), 1, np.random.default_rng(seed)).queries[0] for seed in range(300)]
    keys = [q.architecture.key for q in firsts if isinstance(q, EvaluationQuery)]
    assert len(set(keys)) > 200


def test_nothing_affordable(make: Callable[..., State]) -> None:
    proposal = RandomSearch().propose(make(free=5.0), 1, np.random.default_rng(0))
    assert not proposal.queries
    assert "affordable" in proposal.reason


def test_another_rung(make: Callable[..., State]) -> None:
    queries = RandomSearch(rung="low").propose(make(), 3, np.random.default_rng(0)).queries
    assert [q.rung for q in queries] == ["low"] * 3
