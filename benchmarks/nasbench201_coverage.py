"""Do 95% intervals hold 95%? Held-out cells of NAS-Bench-201 at the target, after random designs at two levels.

    python benchmarks/nasbench201_coverage.py HOME [--first-seed 1000] [--designs 20] [--out benchmarks/results/nasbench201_coverage.json]

HOME is the MFSEARCH_HOME that the table was imported into. A design is 60, 120 or 200 random cells at 12 epochs, and 6, 12 or 30
others at 200, all cells scored; 2,000 of the cells in neither are held out. Intervals include the noise of a cell's own value.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.fidelities.base import Context
from mfsearch.problems.base import Problem
from mfsearch.problems.tabular import tabular
from mfsearch.records import EvaluationQuery, Observation, Status
from mfsearch.surrogate.threads import one_thread

DESIGNS = ((60, 6), (120, 12), (200, 30))
HELD_OUT = 2000
OUT = Path(__file__).parent / "results" / "nasbench201_coverage.json"


def coverage(problem: Problem, low: int, high: int, seed: int) -> tuple[float, float]:
    """Share of held-out cells within their 95% interval at the target, of all and of the better half, after a random design."""
    cells = problem.space.enumerate()
    assert cells is not None and problem.oracle is not None
    order = [cells[i] for i in np.random.default_rng(seed).permutation(len(cells))]
    lower, target = problem.ladder.evaluations
    context = Context(0, np.inf, Path())
    design = [(a, lower) for a in order[:low]] + [(a, target) for a in order[low : low + high]]
    done = [
        Observation(EvaluationQuery(a, rung.name, id=i), Status.OK, 1.0, rung.evaluate(a, context).values["val_accuracy"])
        for i, (a, rung) in enumerate(design)
    ]
    state = State(
        space=problem.space,
        ladder=problem.ladder,
        objective=problem.objective,
        observations=done,
        pending=[],
        scores={
            rung.name: dict(zip((a.key for a in order), rung.score(order, context).values, strict=True))
            for rung in problem.ladder.inputs
        },
        architectures={a.key: a for a in order},
        free=0.0,
        total=1.0,
        cost=lambda a, rung: 1.0,
        p95=lambda a, rung: 1.0,
        excluded=frozenset(),
        rule="predicted",
    )
    held_out = order[low + high :][:HELD_OUT]
    with one_thread():
        _, lowest, highest = Belief(state).intervals(held_out, 1)
    truth = np.array([problem.oracle.truth(a) for a in held_out])
    hit, better = (lowest <= truth) & (truth <= highest), truth >= np.median(truth)
    return float(hit.mean()), float(hit[better].mean())


def main() -> None:
    """Print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--designs", type=int, default=20)
    parser.add_argument("--datasets", default="cifar10,cifar100")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {}
    print("| dataset | 12 + 200 epochs | all cells, mean (lowest, highest design) | better half |\n|---|---|---|---|")
    for dataset in options.datasets.split(","):
        problem = tabular(options.home, "nasbench201", dataset)
        for low, high in DESIGNS:
            seeds = range(options.first_seed, options.first_seed + options.designs)
            rows = np.array([coverage(problem, low, high, seed) for seed in seeds])
            found[f"{dataset}, {low} + {high}"] = {"all": rows[:, 0].tolist(), "better": rows[:, 1].tolist()}
            cells = [f"{column.mean():.3f} ({column.min():.2f}, {column.max():.2f})" for column in rows.T]
            print(f"| {dataset} | {low} + {high} | {cells[0]} | {cells[1]} |", flush=True)
            options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
