from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mfsearch.bench.methods import Method, parse_methods
from mfsearch.bench.run import oracle_of, run
from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Problem
from mfsearch.problems.digits import digits
from mfsearch.study import Study

RANDOM = Method("random", "random", {})


def test_it_ends_where_a_search_ends(problem: Problem):
    (method,) = parse_methods("cost_aware")
    study = Study(
        problem.space,
        problem.ladder,
        15.0,
        objective=problem.objective,
        seed=5,
        executor=VirtualExecutor(),
        recommend="predicted",
    )
    answer = study.run()
    done = run(problem, method, 5, 15.0, "predicted")
    assert answer is not None
    assert done.rows[-1].recommended == answer.architecture.key
    assert [row.architecture for row in done.rows] == [o.query.architecture.key for o in study.state.observations]
    assert done.asks == len(done.rows)
    assert 0 < done.ask_seconds < done.run_seconds


def test_a_seed_is_a_run(problem: Problem):
    torch.manual_seed(1)
    first = run(problem, RANDOM, 0, 30.0, "predicted").rows
    torch.manual_seed(2)
    state = torch.random.get_rng_state()
    assert run(problem, RANDOM, 0, 30.0, "predicted").rows == first
    assert run(problem, RANDOM, 1, 30.0, "predicted").rows != first
    assert torch.equal(torch.random.get_rng_state(), state), "the caller's generator is left alone"


def test_a_budget_that_pays_for_nothing_has_no_answer(problem: Problem):
    done = run(problem, RANDOM, 0, 9.0, "predicted")
    assert (list(done.rows), done.asks, done.ask_seconds) == ([], 0, 0.0)


def test_low_is_the_first_rung(problem: Problem):
    (method,) = parse_methods("random_low")
    assert {row.rung for row in run(problem, method, 0, 5.0, "evaluated").rows} == {"low"}


def test_a_rung_that_a_method_does_without_is_not_there(problem: Problem):
    (method,) = parse_methods("cost_aware:without=low")
    done = run(problem, method, 3, 40.0, "predicted")
    assert {row.rung for row in done.rows} == {"high"}
    alone = replace(problem, ladder=FidelityLadder(problem.ladder.rungs[-1:]))
    assert done.rows == run(alone, parse_methods("cost_aware")[0], 3, 40.0, "predicted").rows


def test_problems_without_truth_are_refused(problem: Problem, tmp_path: Path):
    message = "bench must have a problem with simulated costs and known truth; got 'digits'. Take branin"
    with pytest.raises(ConfigError, match=message):
        oracle_of(digits(tmp_path))
    with pytest.raises(ConfigError, match="got 'branin'"):
        oracle_of(replace(problem, oracle=None))
