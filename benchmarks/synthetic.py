"""Synthetic multi-fidelity functions: `cost_aware` against single-fidelity Bayesian optimisation at equal cost.

    python benchmarks/synthetic.py [--seeds 20] [--first-seed 1000] [--out benchmarks/results/synthetic.json] [FUNCTION ...]

The yardstick is BoTorch's own: SingleTaskGP, qLogExpectedImprovement, continuous optimisation with 10 restarts, a Sobol design
of 2(d+1) points, 20 evaluations of the high fidelity in all. `cost_aware` gets the cost of those 20 evaluations (200 simulated
seconds, low fidelity at a tenth of the price) and nothing else. Regret is that of the recommended point, in units of the function's range,
floored at 1e-3. The yardstick recommends in two ways, best observation and best posterior mean; the one with the lower median is compared.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from botorch.acquisition import qLogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood

from mfsearch.allocation.cost_aware import CostAware
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.problems import PROBLEMS
from mfsearch.problems.base import Problem
from mfsearch.study import Study

EVALUATIONS = 20
FLOOR = 1e-3


def regret(problem: Problem, x: np.ndarray) -> float:
    """Regret of a point of the unit cube, in units of the range, floored."""
    assert problem.oracle is not None
    (architecture,) = problem.space.decode(x[None])
    return max(FLOOR, problem.oracle.regret(architecture, problem.objective.sign) / problem.oracle.span)


def single_fidelity(problem: Problem, seed: int) -> dict[str, float]:
    """BoTorch's qLogEI on the high fidelity; regret of both ways to recommend."""
    assert problem.oracle is not None
    began, d = time.process_time(), problem.space.layout.width
    torch.manual_seed(seed)
    bounds = torch.stack([torch.zeros(d), torch.ones(d)]).double()
    X = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed).draw(2 * (d + 1)).double()

    def evaluate(points: torch.Tensor) -> torch.Tensor:
        truth = [problem.oracle.truth(a) for a in problem.space.decode(points.numpy())]  # type: ignore[union-attr]
        return problem.objective.sign * torch.tensor(truth).double()[:, None]

    Y = evaluate(X)
    while True:
        model = SingleTaskGP(X, Y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        if len(X) == EVALUATIONS:
            break
        new, _ = optimize_acqf(qLogExpectedImprovement(model, Y.max()), bounds, q=1, num_restarts=10, raw_samples=256)
        X, Y = torch.cat([X, new.detach()]), torch.cat([Y, evaluate(new.detach())])
    from botorch.acquisition import PosteriorMean

    top, _ = optimize_acqf(PosteriorMean(model), bounds, q=1, num_restarts=10, raw_samples=512)
    return {
        "observed": regret(problem, X[Y.argmax()].numpy()),
        "predicted": regret(problem, top[0].detach().numpy()),
        "seconds": time.process_time() - began,
    }


def multi_fidelity(problem: Problem, seed: int) -> dict[str, float]:
    """`cost_aware` with the same cost; regret of its recommendation."""
    began = time.process_time()
    cost = EVALUATIONS * problem.ladder.target.expected_cost(problem.space.sample(1, np.random.default_rng(0))[0])
    study = Study(
        problem.space,
        problem.ladder,
        cost,
        objective=problem.objective,
        policy=CostAware(),
        seed=seed,
        executor=VirtualExecutor(),
        recommend="predicted",
    )
    found = study.run()
    assert found is not None
    counts = [sum(o.query.rung == rung.name for o in study.state.observations) for rung in problem.ladder]
    x = problem.space.encode([found.architecture])[0]
    return {"regret": regret(problem, x), "low": counts[0], "high": counts[1], "seconds": time.process_time() - began}


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", nargs="*", default=["branin", "currin", "borehole", "hartmann6"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/synthetic.json"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    print(f"{'function':10s} {'cost_aware':>22s} {'qLogEI':>22s}   ratio   runs low+high   s a run (ours, BoTorch)")
    for name in options.functions:
        problem = PROBLEMS[name](Path("unused"))
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        ours, theirs = [multi_fidelity(problem, seed) for seed in seeds], [single_fidelity(problem, seed) for seed in seeds]
        mine = np.array([run["regret"] for run in ours])
        rule = min(("observed", "predicted"), key=lambda key: float(np.median([run[key] for run in theirs])))
        other = np.array([run[rule] for run in theirs])
        results[name] = {
            "first_seed": options.first_seed,
            "cost_aware": ours,
            "qLogEI": theirs,
            "median_cost_aware": float(np.median(mine)),
            "median_qLogEI": float(np.median(other)),
            "qLogEI_recommends": rule,
            "ratio": float(np.median(mine) / np.median(other)),
        }
        quartiles = [f"{np.median(v):.5f} ({np.quantile(v, 0.25):.4f}-{np.quantile(v, 0.75):.4f})" for v in (mine, other)]
        runs = f"{np.mean([r['low'] for r in ours]):.0f}+{np.mean([r['high'] for r in ours]):.1f}"
        speed = [np.mean([r["seconds"] for r in runs]) for runs in (ours, theirs)]
        print(
            f"{name:10s} {quartiles[0]:>22s} {quartiles[1]:>22s}   {results[name]['ratio']:.2f}   {runs}   {speed[0]:.1f}, {speed[1]:.1f}",
            flush=True,
        )
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
