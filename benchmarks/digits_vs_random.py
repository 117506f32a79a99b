"""The embedded default against what costs no thought: three minutes on the cluttered digits, everything really trained.

    python benchmarks/digits_vs_random.py run [--first-seed 1000] [--seeds 12] [--data-seeds 2] [--budget 3min] [--jobs 2]
    python benchmarks/digits_vs_random.py table

Methods, all with the same budget and the same charges (each run trains its own teacher, and pays for it):

- `cost_aware`: what `mfsearch run` does;
- `random`: random search at the full fidelity (50 epochs of distillation);
- `ranked`: all 6,466 cells ranked by parameters, free of charge, then full runs from the top.

Each recommended cell is then trained anew with 2 fresh seeds and tested on pictures that no search saw (a fresh draw of the
test split). Device seconds are processor seconds of one thread, so that two runs side by side do not disturb each other's
budget. One JSON row a run in benchmarks/results/digits_vs_random.jsonl; what is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROWS = Path(__file__).parent / "results" / "digits_vs_random.jsonl"
METHODS = ("cost_aware", "random", "ranked")
OTHERS = METHODS[1:]
RETRAIN_SEEDS = (900_001, 900_002)
FRESH_DRAW = 77


def one(method: str, seed: int, data_seed: int, budget: str) -> dict[str, object]:
    """One search, and its verdict."""
    import math

    import torch

    from mfsearch.allocation import POLICIES
    from mfsearch.datasets.digits import digits_recipe, fresh_test
    from mfsearch.execution.serial import SerialExecutor
    from mfsearch.fidelities.base import Context
    from mfsearch.fidelities.distillation import accuracy_on_test
    from mfsearch.fidelities.ladder import FidelityLadder
    from mfsearch.fidelities.zero_cost import ZeroCost
    from mfsearch.problems.digits import digits
    from mfsearch.study import Study

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        problem = digits(home, data_seed=data_seed)
        live, target = problem.ladder.target.live, problem.ladder.target  # type: ignore[attr-defined]
        _ = live.data  # drawing the pictures is nobody's search cost
        ladder = problem.ladder
        if method == "ranked":
            ladder = FidelityLadder([ZeroCost("params", ["params"], live), target])
        study = Study(
            problem.space,
            ladder,
            budget,
            objective=problem.objective,
            policy=POLICIES[method](),
            seed=seed,
            executor=SerialExecutor("cpu"),
            workdir=home / "work",
        )
        found = study.run()
        assert found is not None
        pictures = fresh_test(digits_recipe(data_seed), FRESH_DRAW)
        again = []
        for retrain in RETRAIN_SEEDS:
            workdir = home / f"again-{retrain}"
            workdir.mkdir()
            measured = target.evaluate(found.architecture, Context(retrain, math.inf, workdir))
            again.append(accuracy_on_test(live, found.architecture, measured.artifacts["weights"], pictures))
        return {
            "method": method,
            "seed": seed,
            "data_seed": data_seed,
            "budget_seconds": study.ledger.total,
            "architecture": found.architecture.key,
            "predicted": found.mean,
            "test_retrained": again,
            "spent": study.ledger.spent,
            "lines": {
                f"{kind.value} {rung}".strip(): [line.count, line.seconds] for (kind, rung), line in study.ledger.lines().items()
            },
            "machine": f"{platform.processor() or platform.machine()}, 1 thread",
        }


def run_all(options: argparse.Namespace) -> None:
    """Every missing run, each in a process of its own."""
    rows = read(options.rows)
    have = {(row["method"], row["seed"], row["data_seed"]) for row in rows}
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    missing = [
        (method, seed, seed % options.data_seeds)
        for seed in seeds
        for method in options.methods.split(",")
        if (method, seed, seed % options.data_seeds) not in have
    ]

    def work(job: tuple[str, int, int]) -> None:
        command = [sys.executable, __file__, "one", job[0], str(job[1]), str(job[2]), options.budget]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            print(f"{job}: failed\n{done.stderr[-2000:]}", flush=True)
            return
        options.rows.parent.mkdir(parents=True, exist_ok=True)
        with options.rows.open("a") as file:
            file.write(done.stdout.strip().splitlines()[-1] + "\n")
        row = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"{job}: {np.mean(row['test_retrained']):.2f} {row['architecture']} {row['lines']}", flush=True)

    with ThreadPoolExecutor(options.jobs) as workers:
        list(workers.map(work, missing))


def read(path: Path) -> list[dict[str, object]]:
    """All rows so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(path: Path) -> None:
    """Mean and spread by method, and paired differences with their 95% bootstrap intervals."""
    rows = read(path)
    means = {
        m: {(r["seed"], r["data_seed"]): float(np.mean(r["test_retrained"])) for r in rows if r["method"] == m} for m in METHODS
    }  # type: ignore[arg-type]
    print(
        "| method | seeds | test accuracy, mean (SD) | lowest - highest | full runs | other evaluations |\n|---|---|---|---|---|---|"
    )
    for method in METHODS:
        own = [row for row in rows if row["method"] == method]
        values = np.array(list(means[method].values()))
        if not len(values):
            continue
        full = np.mean([row["lines"].get("evaluation kd", [0])[0] for row in own])  # type: ignore[attr-defined]
        short = np.mean([row["lines"].get("evaluation nst", [0])[0] for row in own])  # type: ignore[attr-defined]
        spread = f"{values.mean():.2f} ({values.std(ddof=1):.2f}) | {values.min():.2f} - {values.max():.2f}"
        print(f"| {method} | {len(values)} | {spread} | {full:.1f} | {short:.1f} |")
    rng = np.random.default_rng(0)
    for other in OTHERS:
        both = sorted(set(means["cost_aware"]) & set(means[other]))
        if len(both) > 1:
            d = np.array([means["cost_aware"][k] - means[other][k] for k in both])
            low, high = np.quantile(d[rng.integers(0, len(d), (10_000, len(d)))].mean(1), [0.025, 0.975])
            print(
                f"\ncost_aware - {other}: {d.mean():+.2f} points, 95% interval [{low:+.2f}, {high:+.2f}] ({len(d)} pairs of runs)"
            )


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--first-seed", type=int, default=1000)
    run.add_argument("--seeds", type=int, default=12)
    run.add_argument("--data-seeds", type=int, default=2)
    run.add_argument("--budget", default="3min")
    run.add_argument("--jobs", type=int, default=2)
    run.add_argument("--methods", default=",".join(METHODS))
    single = commands.add_parser("one")
    single.add_argument("method", choices=METHODS)
    single.add_argument("seed", type=int)
    single.add_argument("data_seed", type=int)
    single.add_argument("budget")
    commands.add_parser("table")
    parser.add_argument("--rows", type=Path, default=ROWS)
    options = parser.parse_args()
    if options.command == "one":
        print(json.dumps(one(options.method, options.seed, options.data_seed, options.budget)))
    elif options.command == "run":
        run_all(options)
    else:
        table(options.rows)


if __name__ == "__main__":
    main()
