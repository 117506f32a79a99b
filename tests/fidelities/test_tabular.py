from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mfsearch.errors import ConfigError, SpaceError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore, Context
from mfsearch.fidelities.tabular import TabularEvaluation, TabularResource, TabularScores
from mfsearch.records import Architecture, Objective
from mfsearch.testing.fidelities import EvaluationContract, ScoreContract

A, B, C = (Architecture("s", (key,), key) for key in "abc")
COLUMNS = ("flops", "nwot", "zen", "params")
ROWS = {"a": (1.0, 2.0, None, 3.0), "b": (4.0, None, None, 5.0)}


class TestScoreContract(ScoreContract):
    def make(self, home: Path) -> tuple[AbstractScore, Sequence[Architecture]]:
        return TabularScores("proxies", COLUMNS, ROWS), [A, B, C]


class TestEvaluationContract(EvaluationContract):
    @property
    def stops(self) -> bool:
        return False

    def make(self, home: Path) -> tuple[AbstractEvaluation, Sequence[Architecture], Objective]:
        return TabularEvaluation("e12", {"a": 60.0, "b": 50.0}, {"a": 80.0, "b": 90.0}), [A, B], Objective()


def context(tmp_path: Path) -> Context:
    return Context(0, 1e9, tmp_path)


def test_scores_are_looked_up_and_cost_the_same_each(tmp_path: Path):
    rung = TabularScores("proxies", COLUMNS, ROWS)
    scores = rung.score([B, C, A], context(tmp_path))
    assert scores.values == (ROWS["b"], (None, None, None, None), ROWS["a"])
    assert scores.seconds == pytest.approx(3 * 2 * 0.2)
    assert rung.expected_cost(C) == pytest.approx(0.4)
    assert rung.trusted == (False, True, False, False)
    assert rung.capacity == (True, False, False, True)
    assert rung.signal == "nwot"


def test_free_scores_are_free(tmp_path: Path):
    rung = TabularScores("proxies", ("flops", "params"), {})
    assert (rung.expected_cost(A), rung.score([A], context(tmp_path)).seconds, rung.signal) == (0.0, 0.0, "flops")
    with pytest.raises(ConfigError, match="score rung 'proxies' must have at least one column; got none"):
        TabularScores("proxies", (), {})


def test_evaluations_are_looked_up_at_the_tables_price(tmp_path: Path):
    rung = TabularEvaluation("e12", {"a": 60.0}, {"a": 80.0})
    measurement = rung.evaluate(A, context(tmp_path))
    assert (measurement.values, measurement.seconds) == ({"val_accuracy": 60.0}, 80.0)
    assert rung.expected_cost(A) == 80.0
    assert rung.deterministic
    for ask in (lambda: rung.expected_cost(B), lambda: rung.evaluate(B, context(tmp_path))):
        with pytest.raises(SpaceError, match="rung 'e12' must know the architecture; its table has no 'b'"):
            ask()


def test_what_rungs_share_is_paid_for_once(tmp_path: Path):
    teacher = TabularResource("teacher", 12.5)
    rung = TabularEvaluation("nst", {"a": 0.7}, {"a": 2.0}, "-train_loss", 3.0, [teacher])
    assert rung.resources == (teacher,) and teacher.expected_cost() == 12.5
    assert teacher.key == TabularResource("teacher", 12.5).key != TabularResource("teacher", 12.0).key
    ready = teacher.prepare(context(tmp_path))
    assert (ready.seconds, ready.original_seconds) == (12.5, 12.5)
    # A signal behind a minus is a figure without it: the study turns it around.
    assert rung.evaluate(A, context(tmp_path)).values == {"train_loss": 0.7}
