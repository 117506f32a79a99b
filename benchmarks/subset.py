"""What is lost where the surrogate is given a choice of the observations: with all of them, and with 1,000.

    python benchmarks/subset.py HOME [--designs 5] [--first-seed 1000] [--out benchmarks/results/subset.json]

NAS-Bench-201, CIFAR-100 (HOME is the MFSEARCH_HOME that the table was imported into): random designs of 1,900 cells at 12 epochs and 100 others at
200, no scores. Hartmann-6: 1,900 points on its lower level, 100 on the upper one. Hyper-parameters are fitted each time. Means over the designs: root
mean squared error of the posterior mean on held-out architectures at the target, over all and over the best tenth, in the objective's unit; share of
them within the 95% interval; regret of the held-out architecture with the highest mean; seconds of the fit.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from mfsearch.allocation import belief as beliefs
from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.subset import subset
from mfsearch.execution.base import value_of
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems import PROBLEMS
from mfsearch.problems.base import Problem
from mfsearch.problems.tabular import tabular
from mfsearch.records import Architecture, EvaluationQuery, Observation, Status
from mfsearch.surrogate.threads import one_thread

LOW, HIGH, HELD_OUT = 1900, 100, 2000
OUT = Path(__file__).parent / "results" / "subset.json"


def value(problem: Problem, rung: AbstractEvaluation, architecture: Architecture) -> float:
    measured = rung.evaluate(architecture, Context(0, float("inf"), Path()))
    return value_of(measured.values, rung.signal, problem.objective)


def design(problem: Problem, seed: int) -> tuple[State, list[Architecture]]:
    """A state with random observations, and architectures that are in none of them."""
    rng = np.random.default_rng(seed)
    everything = problem.space.enumerate()
    count = LOW + HIGH + HELD_OUT
    drawn = (
        problem.space.sample(count, rng)
        if everything is None
        else [everything[i] for i in rng.permutation(len(everything))[:count]]
    )
    low, target = problem.ladder.evaluations[0], problem.ladder.target
    chosen = [(low, a) for a in drawn[:LOW]] + [(target, a) for a in drawn[LOW : LOW + HIGH]]
    seen = [Observation(EvaluationQuery(a, rung.name), Status.OK, 1.0, value(problem, rung, a)) for rung, a in chosen]
    architectures = {a.key: a for _, a in chosen}
    ladder = FidelityLadder([low, target])
    flat = (lambda architecture, rung: 1.0,) * 2
    return State(problem.space, ladder, problem.objective, seen, [], {}, architectures, 1.0, 1.0, *flat), drawn[LOW + HIGH :]


def judge(problem: Problem, state: State, held_out: list[Architecture]) -> dict[str, float]:
    began = time.perf_counter()
    belief = Belief(state)
    seconds = time.perf_counter() - began
    mean, low, high = belief.intervals(held_out, 1)
    truth = np.array([value(problem, problem.ladder.target, a) for a in held_out])
    best = truth >= np.quantile(truth, 0.9)
    error = mean - truth
    return {
        "observations": len(belief.model.train_X),
        "rmse": float(np.sqrt(np.mean(error**2))),
        "rmse_best_tenth": float(np.sqrt(np.mean(error[best] ** 2))),
        "covered": float(np.mean((low <= truth) & (truth <= high))),
        "regret_of_the_highest_mean": float(truth.max() - truth[int(np.argmax(mean))]),
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--designs", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found: list[dict[str, Any]] = []
    problems = {
        "nasbench201-cifar100": tabular(options.home, "nasbench201", "cifar100"),
        "hartmann6": PROBLEMS["hartmann6"](home=options.home),
    }
    for name, problem in problems.items():
        for kind, most in (("all", 10**9), ("a choice", 1000)):
            beliefs.subset = lambda observations, levels, most=most: subset(observations, levels, most)  # type: ignore[attr-defined]
            with one_thread():
                rows = [judge(problem, *design(problem, options.first_seed + number)) for number in range(options.designs)]
            means = {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
            found.append({"problem": name, "given": kind, "designs": options.designs, **means})
            print(json.dumps(found[-1]), flush=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
