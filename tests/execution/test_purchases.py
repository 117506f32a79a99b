"""Scores and shared resources, as the store writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from mfsearch.errors import BudgetError, ConfigError, EvaluationError
from mfsearch.execution.purchases import as_measurement, bought, evaluation_seed, made_ready
from mfsearch.fidelities.base import AbstractEvaluation, AbstractResource, AbstractScore, Context, Prepared
from mfsearch.records import Architecture, Measurement, ScoreQuery, Scores

A = Architecture("s", ("a",), "a")


class Rung(AbstractEvaluation):
    name, signal = "full", "-loss"

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        return Measurement({"loss": 0.5}, 1.0)


class Ragged(AbstractScore):
    name, signal = "proxies", "params"

    @property
    def columns(self) -> tuple[str, ...]:
        return ("params", "flops")

    def expected_cost(self, architecture: Architecture) -> float:
        return 0.0

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        return Scores(self.columns, ((1.0,),), 0.0)


class Teacher(AbstractResource):
    name, key = "teacher", "abc"

    def __init__(self, cost: float) -> None:
        self.cost = cost

    def expected_cost(self) -> float:
        return self.cost

    def prepare(self, context: Context) -> Prepared:
        context.check()
        return Prepared(self.cost, 12.0, "79.8%")


def test_resources_are_charged_once_made(tmp_path: Path) -> None:
    payload = made_ready(Teacher(10.0), Context(0, 60.0, tmp_path))
    assert payload == {"name": "teacher", "key": "abc", "seconds": 10.0, "original_seconds": 12.0, "details": "79.8%"}


def test_resources_must_be_affordable(tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=r"must pay for teacher; it takes about 10 s, 5\.0 s are left"):
        made_ready(Teacher(10.0), Context(0, 5.0, tmp_path))
    with pytest.raises(BudgetError, match=r"must pay for teacher; the 0\.0 s that were left ran out"):
        made_ready(Teacher(0.0), Context(0, 0.0, tmp_path, elapsed=lambda: 1.0))


def test_numbers_stand_for_the_signal() -> None:
    assert as_measurement(0.5, Rung()).values == {"loss": 0.5}
    assert as_measurement({"loss": 0.5, "x": 1.0}, Rung()).values == {"loss": 0.5, "x": 1.0}
    measurement = Measurement({"loss": 0.1})
    assert as_measurement(measurement, Rung()) is measurement


def test_scores_come_whole_or_not_at_all(tmp_path: Path) -> None:
    context = Context(0, math.inf, tmp_path)
    with pytest.raises(EvaluationError, match="must return one row of 2 figures for each of 1 architectures"):
        bought(ScoreQuery((A,), "proxies"), Ragged(), context)
    with pytest.raises(ConfigError, match="must come from a score rung"):
        bought(ScoreQuery((A,), "full"), Rung(), context)


def test_seeds_depend_on_what_is_evaluated() -> None:
    seeds = {evaluation_seed(s, k, r, t) for s in (0, 1) for k in "ab" for r in ("low", "full") for t in (0, 1)}
    assert len(seeds) == 16
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert evaluation_seed(0, "a", "low", 0) == evaluation_seed(0, "a", "low", 0)


def test_scores_that_the_budget_does_not_reach_are_told_of(tmp_path: Path) -> None:
    class Slow(Ragged):
        def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
            context.check()
            return super().score(architectures, context)

    late = Context(0, 8.0, tmp_path, elapsed=lambda: 8.5)
    with pytest.raises(
        BudgetError, match=r"must pay for the scores 'proxies' of 1 architectures; the 8.0 s that were left ran out"
    ):
        bought(ScoreQuery((A,), "proxies"), Slow(), late)
