"""What a bench compares, and for how long, unless it is told."""

from __future__ import annotations

import math
from statistics import median
from typing import Final

import numpy as np

from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Problem

TARGETS: Final = 20
"""Evaluations of the target that the usual budget pays for, beside what rungs share."""
_SAMPLE = 100  # architectures by whose price the budget is told


def usual_methods(ladder: FidelityLadder) -> str:
    """All of a ladder, the same without each of its cheaper rungs in turn, and what others would do; as `--methods` has it."""
    ours = ["cost_aware", *(f"cost_aware:without={rung.name}" for rung in ladder if rung is not ladder.target)]
    several = ["asha", "mfkd_scaled"] if len(ladder.evaluations) > 1 else []
    return ",".join([*ours, "random", "evolution", *several])


def usual_budget(problem: Problem) -> float:
    """Device seconds that pay for `TARGETS` evaluations of the target at the median price, in two figures."""
    sample = problem.space.sample(_SAMPLE, np.random.default_rng(0))
    price = median(problem.ladder.target.expected_cost(architecture) for architecture in sample)
    whole = TARGETS * price + math.fsum(resource.expected_cost() for resource in problem.ladder.resources)
    return float(f"{whole:.1e}")
