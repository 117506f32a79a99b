"""What DaSS is worth as a rung of kd-table's ladder, and what it costs where it says nothing.

    python benchmarks/dass_in_the_ladder.py [--seeds 50] [--first-seed 1000] [--jobs 2] [--out benchmarks/results/dass_in_the_ladder.json]

Searches by `cost_aware` with the rungs proxies, DaSS, three epochs of NST and fifty of distillation; the same without DaSS; and the same with
DaSS's predictions dealt out anew among the cells, by the seed, so that they say nothing at the same price. Regret of the answer in points
of validation accuracy, and paired differences from the search without it, with 95% bootstrap intervals. Simulated seconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pyarrow as pa
import torch

from mfsearch.bench.methods import parse_methods
from mfsearch.bench.run import run
from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig
from mfsearch.problems.kd_table import TABLE, USUAL
from mfsearch.records import Json
from mfsearch.store.location import home
from mfsearch.tables.measured import read_measured, write_measured

RUNGS = ("proxies", "dass", "nst3", "kd50")
BUDGETS = (40.0, 65.0, 90.0, 130.0, 250.0)
CONTENDERS = ("with", "without", "shuffled")
OUT = Path(__file__).parent / "results" / "dass_in_the_ladder.json"


def shuffled(path: Path, seed: int) -> None:
    """The table, DaSS's predictions of all cells dealt out anew."""
    table = read_measured(TABLE)
    rows = table.rows.to_pylist()
    own = [row for row in rows if row["rung"] == "dass"]
    figures = [row["dass"] for row in own]
    for row, place in zip(own, np.random.default_rng(seed).permutation(len(own)), strict=True):
        row["dass"] = figures[place]
    write_measured(path, replace(table, rows=pa.Table.from_pylist(rows, table.rows.schema)))


def searched(contender: str, seed: int) -> tuple[list[float], dict[str, int]]:
    """Regret at each budget, and how often each rung was used."""
    torch.set_num_threads(1)
    rungs = [rung for rung in RUNGS if contender != "without" or rung != "dass"]
    proxies = [score for rung in rungs for score in USUAL.get(rung, ())]
    with tempfile.TemporaryDirectory() as folder:
        path = TABLE
        if contender == "shuffled":
            path = Path(folder) / "table.parquet"
            shuffled(path, seed)
        options: dict[str, Json] = {"path": str(path), "rungs": list(rungs), "proxies": list(proxies)}
        problem = build_problem(StudyConfig(problem=Component(use="measured", options=options)), home())
        (method,) = parse_methods("cost_aware")
        found = run(problem, method, seed, max(BUDGETS), "predicted")
    assert problem.oracle is not None
    spent = 0.0
    answers: dict[float, str | None] = dict.fromkeys(BUDGETS)
    counts: dict[str, int] = {}
    for row in found.rows:
        spent += row.seconds
        counts[row.rung] = counts.get(row.rung, 0) + row.count
        answers |= {budget: row.recommended for budget in BUDGETS if spent <= budget and row.recommended}
    regrets = [problem.oracle.regret(problem.space.parse(str(key))) for key in answers.values()]
    return regrets, counts


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """95% bootstrap interval of the mean."""
    draws = np.random.default_rng(0).choice(differences, (10_000, len(differences)))
    low, high = np.quantile(draws.mean(1), [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    result: dict[str, object] = {"seeds": [seeds.start, seeds.stop - 1], "budgets": list(BUDGETS)}
    regrets: dict[str, np.ndarray] = {}
    with ProcessPoolExecutor(arguments.jobs) as workers:
        for contender in CONTENDERS:
            runs = list(workers.map(partial(searched, contender), seeds))
            regrets[contender] = np.array([found for found, _ in runs])
            names = dict.fromkeys(name for _, counts in runs for name in counts)
            result[contender] = {
                "regret": regrets[contender].tolist(),
                "count": {name: fmean(counts.get(name, 0) for _, counts in runs) for name in names},
            }
            print(contender, result[contender]["count"], flush=True)  # type: ignore[index]
    print(f"\n| | {' | '.join(f'{budget:.0f} s' for budget in BUDGETS)} |\n|{'---|' * (1 + len(BUDGETS))}")
    for contender in CONTENDERS:
        cells = [f"{fmean(column):.3f} ({stdev(column) / len(column) ** 0.5:.3f})" for column in regrets[contender].T]
        print(f"| {contender} | {' | '.join(cells)} |")
    for contender in ("with", "shuffled"):
        differences = (regrets[contender] - regrets["without"]).T
        intervals = [interval(column.tolist()) for column in differences]
        cells = [
            f"{column.mean():+.3f} [{low:+.3f}, {high:+.3f}]" for column, (low, high) in zip(differences, intervals, strict=True)
        ]
        print(f"| {contender} - without | {' | '.join(cells)} |")
        result[f"{contender} - without"] = {"mean": differences.mean(1).tolist(), "interval": intervals}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
