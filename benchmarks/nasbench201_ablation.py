"""What each part of the default policy is worth on NAS-Bench-201: one factor at a time from the default.

    mfsearch data import nasbench201 nasbench201.csv.gz --proxies nasbench201_zero_cost_cifar10.csv.gz
    python benchmarks/nasbench201_ablation.py run [--seeds 20] [--first-seed 0] [--jobs 2] [--hours 1,4,12]
    python benchmarks/nasbench201_ablation.py table

The table lies where `mfsearch data path nasbench201` says (MFSEARCH_HOME). Costs are the table's seconds, simulated; regret is
in points of validation accuracy, rule `predicted`. One JSON row a run in benchmarks/results/nasbench201_ablation.jsonl: figures
of runs, no part of the table. What is there is not run again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROWS = Path(__file__).parent / "results" / "nasbench201_ablation.jsonl"
DATASETS = ("cifar10", "cifar100")
FACTORS = {
    "default": "as shipped",
    "flat mean at the target": "no growth with size from 12 to 200 epochs",
    "rho begins at 1": "differences at 12 epochs are worth as much at 200",
    "both of these": "the prior of ordinary AR(1) co-kriging",
    "no outlook": "one size of the discrepancy for good cells and bad ones, as decision 6 had it",
    "no distance in outlook": "the size of the discrepancy fades, and that of good cells says as much of bad ones",
    "no counts of the whole": "a cell is its six operations, one by one, as decision 8 had it",
    "sizes as they are": "a size is believed whatever the encoding says of it",
    "early looks up to 12%": "of the budget each, instead of 6%",
    "target has noise": "a row of the table is one noisy look at what is sought",
    "no pairs": "a first target run is judged alone",
    "no insurance": "no early target runs whatever the lower rung says",
    "pool grows every third step": "as in the spike",
    "pool does not grow": "100 scored cells, once",
    "no scores": "the cell's one-hot code alone, all cells as candidates",
}


@contextmanager
def changed(factor: str) -> Iterator[None]:
    """The library with one factor of the model changed."""
    from mfsearch.allocation.cost_aware import CostAware
    from mfsearch.allocation.features import Features
    from mfsearch.fidelities.tabular import TabularEvaluation
    from mfsearch.surrogate.fit import Prior

    original, pair, deterministic = Prior.__init__, CostAware._pair, TabularEvaluation.deterministic
    sizes = Features._sizes

    def altered(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        original(self, *args, **kwargs)
        offset = 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            here = slice(offset, offset + shape.numel())
            if name == "mean.growth" and factor in ("flat mean at the target", "both of these"):
                self._mean[here], self._sd[here] = 0.0, 1e-4
            if name == "kernel.rho" and factor in ("rho begins at 1", "both of these"):
                self._mean[here] = 1.0
            if name == "kernel.fade" and factor == "no outlook":
                self._mean[here], self._sd[here] = 0.0, 1e-4
            if name == "kernel.log_outlook_lengthscale" and factor in ("no outlook", "no distance in outlook"):
                self._mean[here], self._sd[here] = 8.0, 1e-4
            if name in ("kernel.log_score_variance", "kernel.log_encoding_variance") and factor == "no outlook":
                self._mean[here][1:] -= np.log(0.16)
                self._sd[here][1:] = 1.0
            if factor == "no counts of the whole" and name == "kernel.log_structure_variance":
                self._mean[here], self._sd[here] = -12.0, 1e-4
            if factor == "no counts of the whole" and name == "kernel.log_encoding_variance":
                self._mean[here][:1] += np.log(2.0)
            offset += shape.numel()

    Prior.__init__ = altered  # type: ignore[method-assign]
    if factor == "sizes as they are":
        Features._sizes = lambda self, rung, *_: {column: None for column in np.flatnonzero(rung.capacity)}  # type: ignore[method-assign]
    if factor == "no pairs":
        CostAware._pair = staticmethod(lambda *_: None)  # type: ignore[method-assign,assignment]
    if factor == "target has noise":
        TabularEvaluation.deterministic = False
    try:
        yield
    finally:
        Prior.__init__, CostAware._pair = original, staticmethod(pair)  # type: ignore[method-assign,assignment]
        Features._sizes = sizes  # type: ignore[method-assign]
        TabularEvaluation.deterministic = deterministic


def one(job: tuple[str, str, float, int]) -> dict[str, object]:
    """One run."""
    import torch

    from mfsearch.allocation.cost_aware import CostAware
    from mfsearch.execution.virtual import VirtualExecutor
    from mfsearch.problems.tabular import tabular
    from mfsearch.store.location import home
    from mfsearch.study import Study

    factor, dataset, hours, seed = job
    torch.set_num_threads(1)
    options: dict[str, Any] = {}
    if factor == "no insurance":
        options = {"insurance": 0}
    if factor == "early looks up to 12%":
        options = {"insurance_share": 0.12}
    if factor.startswith("pool"):
        options = {"grow_every": 3 if "third" in factor else 0}
    with changed(factor):
        problem = tabular(home(), "nasbench201", dataset, proxies=[] if factor == "no scores" else None)
        assert problem.oracle is not None and problem.oracle.test is not None
        study = Study(
            problem.space,
            problem.ladder,
            hours * 3600.0,
            objective=problem.objective,
            policy=CostAware(**options),
            seed=seed,
            executor=VirtualExecutor(),
            recommend="predicted",
        )
        answer = study.run()
    assert answer is not None
    rungs = [o.query.rung for o in study.state.observations]
    return {
        "factor": factor,
        "dataset": dataset,
        "hours": hours,
        "seed": seed,
        "regret": problem.oracle.regret(answer.architecture),
        "test": problem.oracle.test(answer.architecture),
        "target_runs": rungs.count(problem.ladder.target.name),
        "lower_runs": len(rungs) - rungs.count(problem.ladder.target.name),
    }


def read(rows: Path) -> list[dict[str, object]]:
    """All rows there are."""
    return [json.loads(line) for line in rows.read_text().splitlines()] if rows.exists() else []


def table(rows: list[dict[str, object]]) -> str:
    """Markdown: mean regret (standard error) by factor."""
    cells = sorted({(str(r["dataset"]), float(str(r["hours"]))) for r in rows})
    lines = [
        "| changed | " + " | ".join(f"{dataset}, {hours:g} h" for dataset, hours in cells) + " |",
        "|---" * (len(cells) + 1) + "|",
    ]
    for factor in FACTORS:
        row = []
        for cell in cells:
            found = [float(str(r["regret"])) for r in rows if (r["factor"], r["dataset"], r["hours"]) == (factor, *cell)]
            row.append(f"{np.mean(found):.3f} ({np.std(found) / len(found) ** 0.5:.3f})" if found else "-")
        lines.append(f"| {factor} | " + " | ".join(row) + " |")
    seeds = sorted({int(str(r["seed"])) for r in rows})
    return "\n".join([*lines, "", f"Mean validation regret in points (standard error), seeds {seeds[0]} to {seeds[-1]}."])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, default=ROWS)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--first-seed", type=int, default=0)
    run.add_argument("--seeds", type=int, default=20)
    run.add_argument("--jobs", type=int, default=2)
    run.add_argument("--hours", default="1,4,12")
    run.add_argument("--factors", default=",".join(FACTORS))
    commands.add_parser("table")
    given = parser.parse_args()
    if given.command == "run":
        known = {(r["factor"], r["dataset"], r["hours"], r["seed"]) for r in read(given.rows)}
        seeds = range(given.first_seed, given.first_seed + given.seeds)
        hours = [float(h) for h in given.hours.split(",")]
        jobs = [(f, d, h, s) for f in given.factors.split(",") for s in seeds for d in DATASETS for h in hours]
        given.rows.parent.mkdir(exist_ok=True)
        with ProcessPoolExecutor(given.jobs) as pool, given.rows.open("a") as file:
            for row in pool.map(one, [job for job in jobs if job not in known], chunksize=4):
                file.write(json.dumps(row) + "\n")
                file.flush()
    print(table(read(given.rows)))


if __name__ == "__main__":
    main()
