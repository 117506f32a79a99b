"""The embedded problem at toy size: from the proxies to the verdict."""

import math
from pathlib import Path

import pytest

from mfsearch.fidelities.base import Context
from mfsearch.problems.digits import CellSeconds, digits
from mfsearch.records import EvaluationQuery, Observation, Recommendation, Status
from mfsearch.spaces.nasbench201 import NASBench201Space

SMALL = {"epochs": 2, "train": 64, "val": 50, "test": 40}
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


def recommendation(problem, artifacts):
    cell = problem.space.parse(CELL)
    observation = Observation(EvaluationQuery(cell, "nst"), Status.OK, 1.0, 1.0, artifacts=artifacts)
    return Recommendation(cell, 70.0, (60.0, 80.0), False, observation)


def test_ladder(home: Path):
    problem = digits(home)
    assert [rung.name for rung in problem.ladder] == ["proxies", "dass", "nst", "kd"]
    assert problem.ladder.target.signal == problem.objective.signal == "val_accuracy"
    assert problem.ladder["nst"].signal == "-train_loss"
    assert len(problem.ladder.resources) == 1
    assert problem.recommend == "evaluated" and problem.task is not None
    assert problem.task.input_shape == (1, 16, 16)


def test_costs_rise_with_rung_and_cell(home: Path):
    problem = digits(home)
    small, large = problem.space.parse(CELL), NASBench201Space().architecture(("nor_conv_3x3",) * 6)
    nst, kd = problem.ladder["nst"], problem.ladder["kd"]
    assert nst.expected_cost(small) < nst.expected_cost(large) < kd.expected_cost(small) < kd.expected_cost(large)


def test_seconds_are_a_root(home: Path):
    problem = digits(home)
    space, task = NASBench201Space(), problem.task
    assert task is not None
    cell = space.parse(CELL)
    flops = space.flops(cell, task)
    assert CellSeconds(space, task, 1.0, 2.0)(cell) == pytest.approx(1 + 2 * math.sqrt(flops / 1e6))


@pytest.mark.slow
def test_every_rung_and_the_verdict(tmp_path: Path):
    problem = digits(tmp_path / "home", data_seed=1, **SMALL)
    context = Context(0, math.inf, tmp_path)
    cell = problem.space.parse(CELL)
    (teacher,) = problem.ladder.resources
    assert teacher.prepare(context).seconds > 0
    (proxies,) = problem.ladder.scores
    scores = proxies.score([cell], context)
    assert len(scores.values[0]) == len(scores.columns) == 4
    nst, kd = problem.ladder.evaluations
    assert "train_loss" in nst.evaluate(cell, context).values
    measured = kd.evaluate(cell, context)
    assert problem.judge is not None
    found = problem.judge(recommendation(problem, {"weights": str(measured.artifacts["weights"])}))
    assert 0 <= found["test_accuracy"] <= 100


def test_without_weights_there_is_no_verdict(home: Path):
    problem = digits(home)
    assert problem.judge is not None
    assert problem.judge(recommendation(problem, {})) == {}
