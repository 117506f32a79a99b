"""What the runs of every method come to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mfsearch.bench.curves import Curve
from mfsearch.bench.run import oracle_of
from mfsearch.bench.statistics import difference_interval, quantile
from mfsearch.problems.base import Problem
from mfsearch.spaces.nasbench201 import NASBench201Space

THRESHOLDS = ("2", "1", "0.5")
"""Regrets, in the objective's unit, whose seconds are reported."""


def summarise(
    problem: Problem,
    curves: Mapping[str, Mapping[int, Curve]],
    timings: Sequence[Mapping[str, Any]],
    *,
    name: str,
    budget: float,
    rule: str,
    points: Sequence[float] = (),
) -> list[dict[str, Any]]:
    """One object a method, and one more for each earlier point of the same runs.

    Args:
        problem: What was searched.
        curves: Method -> seed -> curve.
        timings: `method`, `ask_seconds` and `run_seconds` of every run.
        name: Name of the problem in the results.
        budget: Device seconds of every run.
        rule: `evaluated` or `predicted`.
        points: Earlier moments, in device seconds.

    Returns:
        JSON objects; null stands for what does not exist, or is not reached. The keys are explained in docs/bench.md.
    """
    base = baseline(list(curves))
    random = mean_test(problem)
    objects = []
    for moment in (budget, *points):
        reached = {
            method: [curve.until(moment) if moment < budget else curve for curve in runs.values()]
            for method, runs in curves.items()
        }
        for method, runs in reached.items():
            times = [timing for timing in timings if timing["method"] == method]
            figures = {
                "method": method,
                "problem": name,
                "seeds": len(runs),
                "first_seed": min(curves[method]),
                "budget_seconds": moment,
                "recommend": rule,
                **_judged(problem, runs, random),
                "seconds_to_regret": {t: _median([curve.stays(float(t)) for curve in runs]) for t in THRESHOLDS},
                "seconds_to_first_touch": {t: _median([curve.touches(float(t)) for curve in runs]) for t in THRESHOLDS},
                "difference": None if method == base else _difference(base, reached[base], runs),
                "ask_seconds_median": _median([timing["ask_seconds"] for timing in times]),
                "run_seconds_median": _median([timing["run_seconds"] for timing in times]),
            }
            objects.append({**figures, "anytime": True} if moment < budget else figures)
    return objects


def baseline(methods: Sequence[str]) -> str:
    """The method that the others are compared with: `cost_aware`, or else the first."""
    return "cost_aware" if "cost_aware" in methods else methods[0]


def mean_test(problem: Problem) -> float | None:
    """Mean test accuracy of an architecture drawn at random from a space that lists itself.

    A class of equal cells counts as often as it has cells: that is how an architecture is drawn.

    Returns:
        Percent; None where there is no test accuracy, or no list.
    """
    test, space = oracle_of(problem).test, problem.space
    everything = None if test is None else space.enumerate()
    if test is None or not everything:
        return None
    figures = np.array([test(architecture) for architecture in everything])
    sizes = np.ones(len(everything))
    if isinstance(space, NASBench201Space):
        sizes = np.array([len(space.members(architecture)) for architecture in everything], dtype=np.float64)
    known = np.isfinite(figures)
    return float(np.average(figures[known], weights=sizes[known])) if known.any() else None


def _judged(problem: Problem, runs: Sequence[Curve], random: float | None) -> dict[str, Any]:
    oracle = oracle_of(problem)
    regret = np.array([curve.final for curve in runs])
    # A mean over the runs that did answer would flatter a method that often does not.
    whole = bool(np.isfinite(regret).all())
    spread = float(np.std(regret, ddof=1)) if whole and len(runs) > 1 else None
    quartiles = [_finite(float(quantile(regret, q))) for q in (0.25, 0.75)]
    test = [oracle.test(problem.space.parse(curve.answer)) for curve in runs if oracle.test and curve.answer]
    # A table may lack the test accuracy of a cell that it has everything else of.
    mean = float(np.mean(test)) if test and whole and np.isfinite(test).all() else None
    return {
        "unanswered": int((~np.isfinite(regret)).sum()),
        "test_mean": mean,
        "test_std": float(np.std(test, ddof=1)) if mean is not None and len(test) > 1 else None,
        "test_median": float(np.median(test)) if mean is not None else None,
        "regret_mean": float(np.mean(regret)) if whole else None,
        "regret_std": spread,
        "regret_se": None if spread is None else spread / math.sqrt(len(runs)),
        "regret_median": _median(regret.tolist()),
        "regret_iqr": quartiles,
        "relative_improvement": None if mean is None or not random else 100.0 * (mean - random) / random,
    }


def _difference(base: str, ours: Sequence[Curve], others: Sequence[Curve]) -> dict[str, Any] | None:
    mine, theirs = [curve.final for curve in ours], [curve.final for curve in others]
    if not all(map(math.isfinite, [*mine, *theirs])):
        return None
    mean, interval = difference_interval(mine, theirs)
    return {"from": base, "regret_mean": mean, "interval": list(interval)}


def _median(values: Sequence[float]) -> float | None:
    return _finite(float(quantile(np.array(values), 0.5))) if values else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
