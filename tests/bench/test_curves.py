from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mfsearch.bench.batch import Plan
from mfsearch.bench.curves import NOTHING, Curve, read_curves
from mfsearch.problems.base import Problem
from mfsearch.problems.synthetic import branin_high

CURVE = Curve(np.array([5.0, 10.0, 20.0, 40.0, 50.0]), np.array([np.inf, 3.0, 0.4, 1.5, 0.5]), (None, "a", "b", "c", "d"))


def test_regret_is_recomputed_from_rows_and_truth_alone(plan: Plan, table: pa.Table, problem: Problem):
    """With pandas and the function itself, not with anything of the bench."""
    frame = table.to_pandas()
    optimum = branin_high((-3.7860887526, 15.0))  # found by differential evolution
    curves = read_curves(table, problem)
    for method in ("random", "random_low"):
        for seed in plan.seeds:
            own = frame[(frame["method"] == method) & (frame["seed"] == seed)].sort_values("step")
            last = problem.space.parse(own["recommended"].iloc[-1])
            regret = branin_high(tuple(float(str(gene)) for gene in last.genotype)) - optimum
            assert curves[method][seed].final == pytest.approx(regret, abs=1e-6)
            assert curves[method][seed].seconds[-1] == pytest.approx(own["seconds"].sum())
            assert own["seconds"].sum() <= plan.budget


def test_runs_are_kept_apart(rows, problem: Problem):
    a, b = (a.key for a in problem.space.sample(2, np.random.default_rng(0)))
    read = read_curves(rows({"m": {1: [(1.0, None), (2.0, a)], 0: [(4.0, b)]}, "n": {1: [(8.0, b)]}}), problem)
    assert {method: list(runs) for method, runs in read.items()} == {"m": [1, 0], "n": [1]}
    assert read["m"][1].seconds.tolist() == [1.0, 3.0]
    assert read["m"][1].regret[0] == np.inf
    assert read["m"][0].final == read["n"][1].final >= 0.0
    assert (read["m"][1].answer, read["m"][0].answer) == (a, b)


def test_staying_is_not_touching():
    assert [CURVE.touches(t) for t in (3.0, 2.0, 0.5, 0.1)] == [10.0, 20.0, 20.0, np.inf]
    assert [CURVE.stays(t) for t in (3.0, 2.0, 1.0, 0.5, 0.49)] == [10.0, 20.0, 50.0, 50.0, np.inf]


def test_a_curve_may_be_looked_at_earlier():
    early = CURVE.until(20.0)
    assert (early.final, early.answer, early.stays(0.5)) == (0.4, "b", 20.0)
    assert CURVE.at(np.array([1.0, 5.0, 10.0, 19.9, 20.0, 99.0])).tolist() == [np.inf, np.inf, 3.0, 3.0, 0.4, 0.5]


def test_before_the_first_answer_there_is_none():
    for curve in (NOTHING, CURVE.until(6.0), CURVE.until(1.0)):
        assert (curve.final, curve.answer, curve.stays(99.0), curve.touches(99.0)) == (np.inf, None, np.inf, np.inf)
    assert NOTHING.at(np.array([1.0])).tolist() == [np.inf]
