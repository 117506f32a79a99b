"""Brackets: their sizes against the papers, their course against the histories of whole studies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.halving import Hyperband, SuccessiveHalving, largest, ratios, sizes
from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import EvaluationQuery, Observation
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

RNG = np.random.default_rng
THREES = [1.0, 3.0, 9.0, 27.0, 81.0]


@pytest.mark.parametrize(
    ("first", "expected"), [(0, (81, 27, 9, 3, 1)), (1, (34, 11, 3, 1)), (2, (15, 5, 1)), (3, (8, 2)), (4, (5,))]
)
@pytest.mark.parametrize("eta", [3.0, None])
def test_brackets_of_hyperband_for_81_epochs_and_eta_3(first: int, expected: tuple[int, ...], eta: float | None) -> None:
    """The formula of the JMLR paper: n = ceil(5 / (s + 1) 3^s), then floor(n 3^-i)."""
    for number in (first, first + 5):
        bracket = Hyperband(eta).plan(number, THREES, 1e9, 1e9)
        assert (bracket.first, bracket.sizes) == (first, expected)


def test_two_rungs_alternate() -> None:
    plans = [Hyperband(3.0).plan(number, [12.0, 200.0], 1e9, 1e9) for number in range(4)]
    assert [(p.first, p.sizes) for p in plans] == [(0, (3, 1)), (1, (2,))] * 2


def test_a_bracket_shrinks_to_what_is_left() -> None:
    bracket = Hyperband(3.0).plan(0, THREES, 200.0, 1e9)
    assert 150 < np.dot(bracket.sizes, THREES) <= 200
    assert bracket.sizes < (81, 27, 9, 3, 1)


def test_ratios() -> None:
    assert ratios([1.0, 4.0, 2.0], None) == [4.0, 1.0]
    assert ratios([1.0, 4.0, 2.0], 3.0) == [3.0, 3.0]


def test_largest_against_all_of_them() -> None:
    costs, steps = [1.0, 7.5, 40.0], [2.5, 4.0]
    for money in (49.0, 100.0, 333.0):
        paid = [n for n in range(1, 400) if np.dot(sizes(n, steps), costs) <= money]
        assert largest(money, costs, steps) == sizes(max(paid), steps)
    assert largest(10.0, costs, steps) == (1, 1, 1)


def test_a_bracket_of_successive_halving_spends_the_same_on_each_rung() -> None:
    assert SuccessiveHalving().plan(0, [1.0, 10.0], 200.0, 200.0).sizes == (100, 10)
    assert SuccessiveHalving(brackets=2).plan(0, [1.0, 10.0], 200.0, 200.0).sizes == (50, 5)
    assert SuccessiveHalving(eta=2.0).plan(0, [1.0, 10.0], 240.0, 240.0).sizes == (40, 20)


def ran(
    make: Callable[..., State], space: NASBench201Space, policy: SuccessiveHalving | Hyperband, budget: float, workers: int = 1
) -> list[Observation]:
    study = Study(space, make().ladder, budget, policy=policy, executor=VirtualExecutor(workers), seed=1)
    study.run()
    return list(study.state.observations)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_best_tenth_is_promoted(make: Callable[..., State], space: NASBench201Space, workers: int) -> None:
    # Reservations of parallel runs are larger than what they cost: a margin keeps them out of the picture.
    seen = ran(make, space, SuccessiveHalving(brackets=2), 400.0, workers)
    first = [o for o in seen if o.query.why["bracket"] == 0]
    low = [o for o in first if o.query.rung == "low"]
    full = [o for o in first if o.query.rung == "full"]
    assert (len(low), len(full)) == (100, 10)
    assert len({o.query.architecture.key for o in low}) == 100
    ranked = sorted(low, key=lambda o: -float(o.value or 0.0))
    assert {o.query.architecture.key for o in full} == {o.query.architecture.key for o in ranked[:10]}
    assert seen.index(full[0]) > seen.index(low[-1])
    assert {o.query.why["bracket"] for o in seen} >= {0, 1}


def test_hyperband_takes_turns(make: Callable[..., State], space: NASBench201Space) -> None:
    seen = ran(make, space, Hyperband(3.0), 200.0)
    counts = [
        tuple(sum((o.query.why["bracket"], o.query.rung) == (number, rung) for o in seen) for rung in ("low", "full"))
        for number in range(4)
    ]
    assert counts == [(3, 1), (0, 2), (3, 1), (0, 2)]


def test_what_an_earlier_bracket_ran_is_not_run_again(make: Callable[..., State], space: NASBench201Space) -> None:
    some = list({a.key: a for a in space.sample(20, RNG(0))}.values())[:4]
    best = max(some, key=lambda a: a.genotype.count("nor_conv_3x3"))
    state = make(seen=[*((a, "low") for a in some), (best, "full")], memory={"bracket": 1, "first": 0, "sizes": [4, 2]})
    for o in state.observations[:4]:
        o.query.why["bracket"] = 1  # type: ignore[index]
    (query,) = SuccessiveHalving().propose(state, 3, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    second = sorted(some, key=lambda a: -a.genotype.count("nor_conv_3x3"))[1]
    assert (query.architecture, query.rung) == (second, "full")


def test_waits_for_the_rung(make: Callable[..., State], space: NASBench201Space) -> None:
    a, b = space.sample(2, RNG(0))
    state = make(
        seen=[(a, "low")],
        pending=[EvaluationQuery(b, "low", why={"bracket": 0})],
        memory={"bracket": 0, "first": 0, "sizes": [2, 1]},
    )
    state.observations[0].query.why["bracket"] = 0  # type: ignore[index]
    nothing = SuccessiveHalving().propose(state, 1, RNG(0))
    assert (list(nothing.queries), nothing.reason) == ([], "waits for the rung to be complete")


def test_errors(make: Callable[..., State]) -> None:
    with pytest.raises(ConfigError, match="policy hyperband: eta must be above 1, or left out; got 1.0."):
        Hyperband(eta=1.0)
    with pytest.raises(ConfigError, match="policy successive_halving: brackets must be 1 or more; got 0."):
        SuccessiveHalving(brackets=0)
    with pytest.raises(ConfigError, match="policy hyperband must have 2 evaluation rungs or more; got full."):
        Hyperband().propose(make(ladder=FidelityLadder([make().ladder.target])), 1, RNG(0))
