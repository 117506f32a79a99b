"""The test functions against the mf2 package, and their optima against an optimiser."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import Bounds, differential_evolution

from mfsearch.fidelities.base import Context
from mfsearch.problems import PROBLEMS, synthetic
from mfsearch.problems.base import Problem

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mf2 imports pkg_resources, which setuptools has deprecated
    import mf2

NAMES = ["branin", "currin", "borehole", "hartmann6"]


def problem(name: str) -> Problem:
    return PROBLEMS[name](Path("unused"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", ["high", "low"])
def test_equal_to_mf2(name: str, level: str) -> None:
    own: Callable[[tuple[float, ...]], float] = getattr(synthetic, f"{name}_{level}")
    space = problem(name).space
    points = [tuple(float(str(gene)) for gene in a.genotype) for a in space.sample(200, np.random.default_rng(0))]
    theirs = getattr(getattr(mf2, name), level)(np.array(points))
    np.testing.assert_allclose([own(p) for p in points], theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_problem(name: str, tmp_path: Path) -> None:
    p = problem(name)
    assert p.oracle is not None
    (a,) = p.space.sample(1, np.random.default_rng(3))
    low, high = p.ladder.evaluations
    assert (low.expected_cost(a), high.expected_cost(a)) == (1.0, 10.0)
    measured = high.evaluate(a, Context(0, math.inf, tmp_path))
    assert (measured.values["value"], measured.seconds, measured.noise) == (p.oracle.truth(a), 10.0, 0.0)
    assert (p.virtual, p.recommend) == (True, "predicted")
    random = [p.objective.sign * p.oracle.truth(b) for b in p.space.sample(2000, np.random.default_rng(0))]
    assert max(random) <= p.objective.sign * p.oracle.optimum  # nothing beats the optimum
    assert max(random) - min(random) <= p.oracle.span


@pytest.mark.slow
@pytest.mark.parametrize("name", ["branin", "currin", "hartmann6"])
def test_optimum_and_span_by_differential_evolution(name: str) -> None:
    p = problem(name)
    assert p.oracle is not None
    d = p.space.layout.width
    bounds = Bounds(np.zeros(d), np.ones(d))

    def value(x: np.ndarray, sign: float) -> float:
        assert p.oracle is not None
        return sign * p.oracle.truth(p.space.decode(x[None])[0])

    ends = [sign * differential_evolution(value, bounds, (sign,), tol=1e-12, seed=1, popsize=30).fun for sign in (1.0, -1.0)]
    best, worst = ends if p.objective.direction == "minimise" else ends[::-1]
    assert p.oracle.optimum == pytest.approx(best, abs=1e-6)
    assert p.oracle.span == pytest.approx(abs(worst - best), abs=1e-4)


def test_borehole_is_best_in_a_corner() -> None:
    """Monotone in every variable: the optimum is the best of 256 corners, the span the distance to the worst."""
    p = problem("borehole")
    assert p.oracle is not None
    corners = p.space.decode(np.array(np.meshgrid(*[[0.0, 1.0]] * 8)).reshape(8, -1).T)
    flows = [p.oracle.truth(a) for a in corners]
    assert p.oracle.optimum == pytest.approx(max(flows))
    assert p.oracle.span == pytest.approx(max(flows) - min(flows))
