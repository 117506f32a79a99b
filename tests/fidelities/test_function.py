"""A user's function as a rung."""

from __future__ import annotations

import math
import pickle
import time
from pathlib import Path

import pytest

from mfsearch.errors import ConfigError, LimitReachedError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.function import FunctionFidelity, FunctionScore, fidelity, score
from mfsearch.records import Architecture, Measurement

A = Architecture("s", (2.0,), "2")


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return 1.0


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(0, math.inf, tmp_path)


def test_a_number_is_the_signal(context: Context) -> None:
    @fidelity(cost=3.0, signal="-loss")
    def short(architecture: Architecture, context: Context) -> float:
        return 0.25

    assert (short.name, short.kind, short.role, short.expected_cost(A)) == ("short", "evaluation", "level", 3.0)
    measurement = short.evaluate(A, context)
    assert (measurement.values, measurement.seconds) == ({"loss": 0.25}, None)


def test_figures_by_name_and_whole_measurements(context: Context) -> None:
    both = FunctionFidelity("both", lambda a, c: {"val_accuracy": 50.0, "seed": float(c.seed)}, 1.0)
    assert both.evaluate(A, context).values == {"val_accuracy": 50.0, "seed": 0.0}
    own = Measurement({"val_accuracy": 1.0}, 7.0, 0.5)
    assert FunctionFidelity("own", lambda a, c: own, 1.0).evaluate(A, context) is own


def test_simulated_costs_are_charged_as_they_stand(context: Context) -> None:
    rung = FunctionFidelity("sim", lambda a, c: 1.0, lambda a: 10 * float(str(a.genotype[0])), simulated=True, noise=0.0)
    measurement = rung.evaluate(A, context)
    assert (measurement.seconds, measurement.noise) == (20.0, 0.0)
    unpriced = FunctionFidelity("m", lambda a, c: Measurement({"val_accuracy": 1.0}), 3.0, simulated=True).evaluate(A, context)
    assert unpriced == Measurement({"val_accuracy": 1.0}, 3.0)


def test_scores(context: Context) -> None:
    @score(columns=("size", "depth"), cost=0.5, trusted=True, simulated=True)
    def shape(architecture: Architecture) -> tuple[float, float | None]:
        return 4.0, None

    scores = shape.score([A, A], context)
    assert (scores.columns, scores.values, scores.seconds) == (("size", "depth"), ((4.0, None), (4.0, None)), 1.0)
    assert shape.trusted == (True, True)

    @score()
    def size(architecture: Architecture) -> float:
        time.sleep(0.01)
        return 3.0

    measured = size.score([A], context)
    assert (size.columns, measured.values) == (("size",), ((3.0,),))
    assert measured.seconds >= 0.01


def test_scores_stop_at_the_limit(tmp_path: Path) -> None:
    slow = FunctionScore("slow", lambda a: nap(0.05), ("x",), 0.05)
    with pytest.raises(LimitReachedError):
        slow.score([A] * 100, Context(0, 0.2, tmp_path))


@pytest.mark.parametrize("cost", [-1.0, math.nan, math.inf])
def test_costs_are_checked(cost: float) -> None:
    with pytest.raises(ConfigError, match="the cost of rung 'x' must be device seconds"):
        FunctionFidelity("x", lambda a, c: 1.0, cost)
    with pytest.raises(ConfigError, match="must have at least one column"):
        FunctionScore("x", lambda a: 1.0, (), 1.0)


def test_a_rung_of_a_function_of_a_module_can_be_sent():
    rung = FunctionFidelity("low", math.sqrt, 1.0, noise=0.1)  # type: ignore[arg-type]
    again = pickle.loads(pickle.dumps(rung))
    assert (again.name, again.noise, again.expected_cost(A)) == ("low", 0.1, 1.0)
