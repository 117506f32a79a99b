"""What is kept from decision to decision changes the time that they take, and not one bit of a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.features import Features
from mfsearch.allocation.kept import LONG, Kept, Pool
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.surrogate.cokriging import CHUNK
from mfsearch.surrogate.data import InputBlocks
from mfsearch.surrogate.kernel import CokrigingKernel


@pytest.fixture(scope="module")
def cells(space: NASBench201Space) -> list[Architecture]:
    return [space.enumerate()[i] for i in np.random.default_rng(0).permutation(6466)[:2600]]


def seen(cells: list[Architecture], low: int, high: int) -> list[tuple[Architecture, str]]:
    """A target run after every tenth short one."""
    order = [(a, "low") for a in cells[:low]]
    for i in range(high):
        order.insert(11 * (i + 1) - 1, (cells[10 * i], "full"))
    return order


def figures(belief: Belief, pool: list[Architecture]) -> list[np.ndarray]:
    among = np.arange(0, len(pool), 3)
    gradient = belief.gradient(pool, among[:60])
    pending = [EvaluationQuery(pool[7], "low"), EvaluationQuery(pool[9], "full")]
    found = [*belief.mean_variance(pool, 1), belief.upper(pool, 0, among), belief.gains(gradient, pool, 1, among[:90])]
    belief.assume(pending)
    return [*found, *belief.mean_variance(pool, 1), belief.inputs(pool[:5], 0).numpy()]


@pytest.mark.parametrize("scored", [True, False])
def test_a_long_search_reads_the_same_as_one_taken_up_again(
    make: Callable[..., State], cells: list[Architecture], scored: bool
) -> None:
    """Data and pool grow, hyper-parameters are fitted anew on the way; each step is compared with one that knows nothing."""
    kept, memory = Kept(), None
    for step in range(14):
        low, size = 20 + 3 * step, 1000 + 110 * step
        pool = cells[:size]
        state = make(seen=seen(cells, low, low // 12), scored=pool if scored else [])
        state = state if memory is None else replace(state, memory=memory)
        going_on, anew = Belief(state, kept), Belief(state, Kept())
        for one, other in zip(figures(going_on, pool), figures(anew, pool), strict=True):
            np.testing.assert_array_equal(one, other)
        memory = going_on.memory


def test_kept_covariances_are_those_of_the_model(make: Callable[..., State], cells: list[Architecture]) -> None:
    """The oracle: the model itself, asked for all inputs without anything that was kept."""
    pool = cells[:1500]
    belief = Belief(make(seen=seen(cells, 70, 6), scored=pool), Kept())
    for level in (0, 1):
        mean, variance = (figure.numpy() for figure in belief.model.mean_variance(belief.inputs(pool, level)))
        upper = belief.upper(pool, level)
        spread = np.sqrt(np.maximum(variance - variance.min(), 0.0) if level else variance)
        np.testing.assert_allclose(upper, mean + spread, rtol=0, atol=1e-9)


def test_a_pool_keeps_what_it_has_when_more_comes(cells: list[Architecture]) -> None:
    rng = np.random.default_rng(1)
    blocks = InputBlocks(numeric=(0, 1, 2))
    kernel = CokrigingKernel(blocks, 1)
    inputs, observed = rng.random((CHUNK + 300, 3)), torch.from_numpy(rng.random((70, 3)))
    pool = Pool([str(i) for i in range(CHUNK + 100)], inputs[: CHUNK + 100])
    first = list(pool.lowest(kernel, observed[:40], torch.arange(40)) or [])
    short, pool = pool, pool.extended([str(i) for i in range(CHUNK + 100, CHUNK + 300)], inputs[CHUNK + 100 :])
    order = torch.from_numpy(rng.permutation(70))
    second = list(pool.lowest(kernel, observed, order) or [])
    assert len(short.keys) == len(short.inputs) == len(short.places) == CHUNK + 100
    again = list(short.lowest(kernel, observed[:40], torch.arange(40)) or [])
    assert [chunk.shape for chunk in again] == [(40, CHUNK), (40, 100)]
    assert [chunk.shape for chunk in first] == [(40, CHUNK), (40, 100)]
    assert [chunk.shape for chunk in second] == [(70, CHUNK), (70, 300)]
    oracle = kernel.component(0, observed[order], torch.from_numpy(inputs))
    torch.testing.assert_close(torch.cat(second, 1), oracle, rtol=1e-12, atol=1e-12)
    weights = torch.from_numpy(rng.standard_normal(70))
    told = pool.product(kernel, observed, weights)
    assert told is not None
    torch.testing.assert_close(told, weights[order] @ oracle, rtol=1e-10, atol=1e-10)
    with torch.no_grad():
        kernel.log_numeric_lengthscale.add_(0.5)
    third = list(pool.lowest(kernel, observed, torch.arange(70)) or [])
    torch.testing.assert_close(
        torch.cat(third, 1), kernel.component(0, observed, torch.from_numpy(inputs)), rtol=1e-12, atol=1e-12
    )
    assert pool.places[str(CHUNK + 200)] == CHUNK + 200


def test_a_list_stays_good_when_a_longer_one_begins_with_it(
    make: Callable[..., State], table_ladder: FidelityLadder, cells: list[Architecture]
) -> None:
    """As where a pool is refined in rounds: within one decision, first a list, then the same with more at its end, then the first again."""
    belief = Belief(make(seen=seen(cells, 30, 2), scored=cells[:1500], ladder=table_ladder), Kept())
    short, long = cells[:600], cells[:1500]
    before = belief.mean_variance(short, 1)
    belief.mean_variance(long, 1)
    belief.assume([EvaluationQuery(cells[40], "low")])
    belief.realised(short)
    after = belief.mean_variance(short, 1)
    np.testing.assert_allclose(after[0], before[0], atol=1e-8)
    assert len(after[0]) == len(short) and len(belief.upper(short, 0)) == len(short)


def test_more_than_is_kept_is_computed_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mfsearch.allocation.kept.MOST", 1000)
    pool = Pool([str(i) for i in range(300)], np.random.default_rng(0).random((300, 2)))
    kernel = CokrigingKernel(InputBlocks(numeric=(0, 1)), 1)
    assert pool.lowest(kernel, torch.zeros(3, 2, dtype=torch.float64), torch.arange(3)) is not None
    assert pool.lowest(kernel, torch.zeros(4, 2, dtype=torch.float64), torch.arange(4)) is None


def test_what_is_too_much_to_keep_gives_the_same_figures(
    make: Callable[..., State], cells: list[Architecture], monkeypatch: pytest.MonkeyPatch
) -> None:
    def figures() -> list[NDArray[np.float64]]:
        belief = Belief(make(seen=seen(cells, 70, 6), scored=cells[:600]), Kept())
        gradient = belief.gradient(cells[:600], np.arange(0, 600, 9))
        gains = [belief.gains(gradient, cells[:600], level, list(range(0, 600, 7))) for level in (0, 1)]
        return [*belief.mean_variance(cells[:600], 1), belief.upper(cells[:600], 0, range(50, 300)), *gains]

    kept = figures()
    for module in ("belief", "kept"):
        monkeypatch.setattr(f"mfsearch.allocation.{module}.MOST", 1000)
    for ours, plain in zip(kept, figures(), strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-9)


def test_inputs_that_may_still_change_are_not_kept(make: Callable[..., State], cells: list[Architecture]) -> None:
    """Scores of the last one are still to come."""
    few, all_but_one = cells[: LONG - 1], cells[: LONG + 50]
    state = make(seen=[(cells[0], "low")], scored=all_but_one)
    features = Features(state, Kept())
    assert features.pool(few) is None
    assert features.pool([*all_but_one, cells[-1]]) is None
    pool = features.pool(all_but_one)
    assert pool is not None and features.pool(list(all_but_one)) is pool
    assert features.pool(all_but_one[::-1]) is not pool
    np.testing.assert_array_equal(pool.inputs, features(all_but_one))


def test_hyperparameters_are_taken_to_the_last_bit(make: Callable[..., State], cells: list[Architecture]) -> None:
    belief = Belief(make(seen=seen(cells, 40, 3), scored=cells[:600]))
    again = Belief(replace(make(seen=seen(cells, 41, 3), scored=cells[:600]), memory=belief.memory))
    assert again.model.hyperparameters == belief.model.hyperparameters


def test_one_of_a_pool_reads_the_same_alone(make: Callable[..., State], cells: list[Architecture]) -> None:
    pool = cells[:600]
    belief = Belief(make(seen=seen(cells, 30, 4), scored=pool), Kept())
    alone = belief.mean_variance([pool[500]], 1)
    mean, variance = belief.mean_variance(pool, 1)
    again = belief.mean_variance([pool[500]], 1)
    assert (again[0][0], again[1][0]) == (mean[500], variance[500])
    np.testing.assert_allclose(alone, again, rtol=1e-9)
