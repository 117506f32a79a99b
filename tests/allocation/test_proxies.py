"""A first pool, and its order by scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.proxies import first_scores, ranking, trusted_rungs
from mfsearch.errors import ConfigError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.synthetic import branin
from mfsearch.spaces.nasbench201 import NASBench201Space

RNG = np.random.default_rng


def test_a_random_pool_of_different_architectures(make: Callable[..., State], space: NASBench201Space) -> None:
    state = make()
    (query,) = first_scores(state, state.ladder.scores, 1000, RNG(0))
    assert query.rung == "proxies"
    assert len({a.key for a in query.architectures}) == 1000
    (everything,) = first_scores(make(free=1e5), state.ladder.scores, 10_000, RNG(0))
    assert {a.key for a in everything.architectures} == {a.key for a in space.enumerate()}


def test_a_pool_of_a_space_without_a_list(make: Callable[..., State], tmp_path: object) -> None:
    state = make(space=branin(tmp_path).space)  # type: ignore[arg-type]
    (query,) = first_scores(state, state.ladder.scores, 50, RNG(0))
    assert len({a.key for a in query.architectures}) == 50


def test_half_of_the_money_is_left(make: Callable[..., State]) -> None:
    state = make(free=20.0)
    (query,) = first_scores(state, state.ladder.scores, 1000, RNG(0))
    assert len(query.architectures) == 100  # 0.1 s each


def test_nothing_is_bought_twice(make: Callable[..., State], space: NASBench201Space) -> None:
    state = make(scored=space.sample(3, RNG(0)))
    assert first_scores(state, state.ladder.scores, 1000, RNG(0)) == []


def test_order_by_mean_rank(make: Callable[..., State], space: NASBench201Space) -> None:
    """Trusted column only (the other one says the opposite): 3, 1, missing, 2, 1 are in the order 0, 3, 1, 4, 2."""
    scored = list({a.key: a for a in space.sample(9, RNG(0))}.values())[:5]
    state = make(scored=scored)
    rows = dict(zip((a.key for a in scored), [(3.0, 0.0), (1.0, 5.0), (None, 9.0), (2.0, 1.0), (1.0, 4.0)], strict=True))
    state = make(scored=scored, scores={"proxies": rows})
    assert ranking(state, trusted_rungs("walk", state)) == [scored[i] for i in (0, 3, 1, 4, 2)]


def test_no_trusted_score(make: Callable[..., State]) -> None:
    state = make()
    alone = make(ladder=FidelityLadder(state.ladder.evaluations))
    with pytest.raises(ConfigError, match="policy walk: warm_start must find a trusted score on the ladder; it has none."):
        trusted_rungs("walk", alone)
