"""BoTorch's parts, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from botorch.acquisition.utils import project_to_target_fidelity

from mfsearch.allocation.base import State
from mfsearch.allocation.botorch_mes import BoTorchMES, _Inputs, _Seconds
from mfsearch.allocation.features import Features
from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.synthetic import branin
from mfsearch.records import Architecture, EvaluationQuery, ScoreQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

RNG = np.random.default_rng


@pytest.fixture
def some(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(70, RNG(0))}.values())[:60]


def known(make: Callable[..., State], some: list[Architecture], **more: object) -> State:
    return make(seen=[*((a, "low") for a in some[:10]), *((a, "full") for a in some[:3])], scored=some, **more)


def test_inputs_fill_the_unit_cube(make: Callable[..., State], some: list[Architecture]) -> None:
    inputs = _Inputs(Features(make(scored=some)), 2)
    low, full = inputs(some, 0), inputs(some, 1)
    assert low.shape == (60, 79)  # 30 operations, 44 counts, two scores, their two indicators, the fidelity
    assert float(low.min()) == 0.0
    assert float(full.max()) == 1.0
    scores = low[:, 74:76]
    assert bool(((scores > 0) & (scores < 1)).all())
    assert len(scores.unique()) > 2
    assert set(low[:, -1].tolist()) == {0.0}
    torch.testing.assert_close(inputs.project(low), full)
    torch.testing.assert_close(inputs.project(low), project_to_target_fidelity(low, {78: 1.0}, d=79))


def test_seconds_by_row() -> None:
    X = torch.rand(5, 3, dtype=torch.float64)
    model = _Seconds(X, [1.0, 2.0, 3.0, 4.0, 0.0])
    found = model.posterior(X[[3, 1]].unsqueeze(1)).mean
    assert found.shape == (2, 1, 1)
    assert found.flatten().tolist() == [4.0, 2.0]
    assert float(model(X[4:])) > 0


def test_pool_then_random_design(make: Callable[..., State], some: list[Architecture]) -> None:
    policy = BoTorchMES(pool=50, low=4, high=2)
    (scores,) = policy.propose(make(), 1, RNG(0)).queries
    assert isinstance(scores, ScoreQuery)
    assert len(scores.architectures) == 50
    state = make(scored=some, seen=[(some[0], "low")], pending=[EvaluationQuery(some[1], "low")])
    queries = [q for q in policy.propose(state, 9, RNG(0)).queries if isinstance(q, EvaluationQuery)]
    assert [(q.architecture, q.rung) for q in queries] == [(a, "low") for a in some[2:4]]
    state = make(scored=some, seen=[(a, "low") for a in some[:4]])
    queries = [q for q in policy.propose(state, 9, RNG(0)).queries if isinstance(q, EvaluationQuery)]
    assert [(q.architecture, q.rung) for q in queries] == [(a, "full") for a in some[:2]]


def test_dear_rungs_lose(make: Callable[..., State], some: list[Architecture]) -> None:
    """Per second: with a target that costs next to nothing it is the target that is asked, with a dear one it is not."""
    policy = BoTorchMES(low=1, high=1, candidates=20)
    for price, rung in ((0.001, "full"), (1e5, "low")):
        state = known(make, some, free=1e9, cost=lambda a, rung, price=price: price if rung == "full" else 1.0)
        (query,) = policy.propose(state, 1, RNG(0)).queries
        assert isinstance(query, EvaluationQuery)
        assert query.rung == rung
        assert (query.architecture.key, rung) not in state.excluded


def test_same_state_same_choice_whatever_torch_drew(make: Callable[..., State], some: list[Architecture]) -> None:
    state = known(make, some)
    policy = BoTorchMES(low=1, high=1, candidates=10)
    chosen = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        chosen.append([q.why for q in policy.propose(state, 2, RNG(0)).queries if isinstance(q, EvaluationQuery)])
        assert torch.equal(torch.get_rng_state(), before)
    assert chosen[0] == chosen[1]


def test_fits_anew_when_the_data_have_grown_by_a_tenth(make: Callable[..., State], some: list[Architecture]) -> None:
    policy = BoTorchMES(low=1, high=1, candidates=5)
    first = policy.propose(make(seen=[(a, "low") for a in some[:20]], scored=some), 1, RNG(0)).memory
    assert first == {}  # still the random design
    sizes = (20, 21, 22)
    memory: dict[str, object] = {}
    fitted = []
    for size in sizes:
        seen = [*((a, "low") for a in some[: size - 1]), (some[0], "full")]
        memory = dict(policy.propose(make(seen=seen, scored=some, memory=memory), 1, RNG(0)).memory)
        fitted.append((memory["fitted_at"], memory["parameters"]))
    assert [at for at, _ in fitted] == [20, 20, 22]
    assert fitted[0][1] == fitted[1][1]
    assert fitted[1][1] != fitted[2][1]
    strange = known(make, some, memory={"parameters": {"of": [1.0]}, "fitted_at": 13})
    assert policy.propose(strange, 1, RNG(0)).memory["fitted_at"] == 13  # fitted again, from the beginning
    assert policy.propose(strange, 1, RNG(0)).memory["parameters"] != {"of": [1.0]}


def test_pending_ones_are_not_asked(make: Callable[..., State], some: list[Architecture]) -> None:
    state = known(make, some, pending=[EvaluationQuery(a, "low") for a in some[10:50]])
    queries = BoTorchMES(low=1, high=1, candidates=10).propose(replace(state, free=9.0), 3, RNG(0)).queries
    keys = {q.architecture.key for q in queries if isinstance(q, EvaluationQuery)}
    assert len(keys) == 3
    assert keys <= {a.key for a in some[50:]}


def test_branin_without_scores(tmp_path: Path) -> None:
    problem = branin(tmp_path)
    study = Study(
        problem.space,
        problem.ladder,
        120.0,
        objective=problem.objective,
        policy=BoTorchMES(pool=100, candidates=30),
        executor=VirtualExecutor(),
        recommend="predicted",
    )
    found = study.run()
    assert found is not None
    assert problem.oracle is not None
    assert problem.oracle.regret(found.architecture, problem.objective.sign) < 2.0


def test_errors(make: Callable[..., State]) -> None:
    with pytest.raises(ConfigError, match="policy botorch_mes: candidates must be 1 or more; got 0."):
        BoTorchMES(candidates=0)
    with pytest.raises(
        ConfigError, match="must have two evaluation rungs of the target's signal, 'val_accuracy', or more; got 1."
    ):
        BoTorchMES().propose(make(ladder=FidelityLadder([make().ladder.target])), 1, RNG(0))
