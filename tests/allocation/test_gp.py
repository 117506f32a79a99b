"""The single-fidelity Gaussian process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.gp import GP
from mfsearch.allocation.history import through
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
    return list({a.key: a for a in space.sample(80, RNG(0))}.values())


def improvement(state: State, rungs: list[str], candidates: list[Architecture]) -> Architecture:
    """Best expected improvement on the best posterior mean, by the textbook's formula."""
    belief = Belief(through(state, rungs))
    mean, variance = belief.mean_variance(candidates, 0)
    seen = [o.query.architecture for o in state.observations if o.query.rung == rungs[-1]]
    best = belief.mean_variance(seen, 0)[0].max()
    sd = np.sqrt(variance)
    z = (mean - best) / sd
    return candidates[int(np.argmax((mean - best) * norm.cdf(z) + sd * norm.pdf(z)))]


@pytest.mark.parametrize("rung", ["low", "full"])
def test_the_choice_is_the_best_expected_improvement(
    make: Callable[..., State], some: list[Architecture], space: NASBench201Space, rung: str
) -> None:
    other = "full" if rung == "low" else "low"
    state = make(seen=[*((a, rung) for a in some[:8]), *((a, other) for a in some[8:12])])
    (query,) = GP(rung=rung).propose(state, 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    open = [a for a in space.enumerate() if a not in some[:8]]
    assert (query.architecture, query.rung) == (improvement(state, [rung], open), rung)


def test_with_proxies_the_pool_is_bought_first(make: Callable[..., State], some: list[Architecture]) -> None:
    policy = GP(proxies=True, pool=300, initial=3)
    (scores,) = policy.propose(make(), 1, RNG(0)).queries
    assert isinstance(scores, ScoreQuery)
    assert len(scores.architectures) == 300
    first = policy.propose(make(scored=some), 2, RNG(0)).queries
    assert [q.architecture for q in first if isinstance(q, EvaluationQuery)] == some[:2]
    state = make(scored=some, seen=[(a, "full") for a in some[:6]])
    (query,) = policy.propose(state, 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.architecture == improvement(state, ["proxies", "full"], some[6:])


def test_without_proxies_no_scores_are_bought(make: Callable[..., State], space: NASBench201Space) -> None:
    study = Study(space, make().ladder, 100.0, policy=GP(), executor=VirtualExecutor())
    study.run()
    assert study.state.scores == {}
    assert {o.query.rung for o in study.state.observations} == {"full"}


def test_parallel_choices_differ_and_pending_ones_count(make: Callable[..., State], some: list[Architecture]) -> None:
    state = make(seen=[(a, "full") for a in some[:6]], pending=[EvaluationQuery(some[6], "full")])
    queries = GP().propose(state, 4, RNG(0)).queries
    keys = {q.architecture.key for q in queries if isinstance(q, EvaluationQuery)}
    assert len(keys) == 4
    assert some[6].key not in keys


def test_goes_on_from_its_own_memory(make: Callable[..., State], some: list[Architecture]) -> None:
    proposal = GP().propose(make(seen=[(a, "full") for a in some[:6]]), 1, RNG(0))
    assert set(proposal.memory) == {"model"}  # the recommendation's model, of all rungs, must not take it for its own


def test_finds_the_minimum_of_branin(tmp_path: Path) -> None:
    problem = branin(tmp_path)
    study = Study(problem.space, problem.ladder, 300.0, objective=problem.objective, policy=GP(), executor=VirtualExecutor())
    found = study.run()
    assert found is not None
    assert problem.oracle is not None
    assert problem.oracle.regret(found.architecture, problem.objective.sign) < 0.5


def test_errors(make: Callable[..., State]) -> None:
    with pytest.raises(ConfigError, match="policy gp: pool must be 1 or more; got 0."):
        GP(pool=0)
    with pytest.raises(ConfigError, match="policy gp: proxies must be on the ladder; it has none."):
        GP(proxies=True).propose(make(ladder=FidelityLadder(make().ladder.evaluations)), 1, RNG(0))
