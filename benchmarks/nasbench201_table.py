"""The tables of docs/benchmarks.md from the folders that `mfsearch bench` left, each method against `cost_aware`.

    python benchmarks/nasbench201_table.py DIR DATASET

Takes every folder of DIR whose name begins with DATASET and a dash. Where a name says so (`cifar10-4h...`) the runs had that budget and stand for
that moment alone, else they stand for every moment that they reach. Regret in points of validation accuracy, mean (standard error); the
difference to `cost_aware` at the same moment with its 95% interval (unpaired bootstrap); `no run`: some runs had no answer by then.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from mfsearch.bench.curves import Curve, read_curves
from mfsearch.bench.run import oracle_of
from mfsearch.bench.statistics import difference_interval, quantile
from mfsearch.problems.base import Problem
from mfsearch.problems.tabular import tabular
from mfsearch.store.location import home

HOURS = (1.0, 2.0, 4.0, 12.0)
OURS = "cost_aware"
Runs = dict[str, dict[float, Mapping[int, Curve]]]


def collect(folder: Path, dataset: str, problem: Problem) -> Runs:
    """Label -> hours -> seed -> curve until then."""
    found: Runs = {}
    for path in sorted(folder.glob(f"{dataset}-*/runs.parquet")):
        name = path.parent.name
        budget = max(one["budget_seconds"] for one in json.loads((path.parent / "summary.json").read_text())) / 3600
        said = re.match(rf"{dataset}-(\d+)h", name)
        moments = [float(said[1])] if said else [hours for hours in HOURS if hours <= budget + 1e-9]
        for method, runs in read_curves(pq.read_table(path), problem).items():
            label = f"{method}, no scores" if name.endswith("no-scores") else method
            for hours in moments:
                until = {seed: curve.until(3600 * hours) for seed, curve in runs.items()}
                if len(until) > len(found.setdefault(label, {}).get(hours, {})):
                    found[label][hours] = until
    return found


def regrets(runs: Mapping[int, Curve]) -> list[float]:
    return [curve.final for curve in runs.values()]


def cell(runs: Mapping[int, Curve] | None) -> str:
    if runs is None:
        return "-"
    figures = np.array(regrets(runs))
    if not np.isfinite(figures).all():
        return "no run"
    return f"{figures.mean():.3f} ({figures.std(ddof=1) / len(figures) ** 0.5:.3f})"


def main() -> None:
    folder, dataset = Path(sys.argv[1]), sys.argv[2]
    problem = tabular(home(), "nasbench201", dataset)
    test = oracle_of(problem).test
    assert test is not None
    found = collect(folder, dataset, problem)
    ours = {hours: regrets(runs) for hours, runs in found[OURS].items()}

    def order(label: str) -> tuple[bool, float]:
        runs = found[label].get(4.0) or found[label][max(found[label])]
        return label != OURS, float(np.mean(regrets(runs)))

    print(
        f"| {dataset} | seeds | "
        + " | ".join(f"{hours:g} h" for hours in HOURS)
        + " | test accuracy at 4 h (SD) | within 0.5 points from |"
    )
    print("|---" * (len(HOURS) + 4) + "|")
    differences = []
    for label in sorted(found, key=order):
        moments = found[label]
        at_four = moments.get(4.0)
        answers = [curve.answer for curve in at_four.values()] if at_four else []
        figures = [test(problem.space.parse(answer)) for answer in answers if answer]
        tested = f"{np.mean(figures):.2f} ({np.std(figures, ddof=1):.2f})" if figures and len(figures) == len(answers) else "-"
        longest = moments[max(moments)]
        stays = float(quantile(np.array([curve.stays(0.5) for curve in longest.values()]), 0.5))
        seeds = sorted({len(runs) for runs in moments.values()})
        cells = " | ".join(cell(moments.get(hours)) for hours in HOURS)
        print(
            f"| `{label}` | {', '.join(map(str, seeds))} | {cells} | {tested} | {f'{stays:,.0f} s' if np.isfinite(stays) else 'never'} |"
        )
        for hours, runs in moments.items():
            theirs = regrets(runs)
            if label != OURS and np.isfinite(theirs).all():
                mean, (low, high) = difference_interval(ours[hours], theirs)
                differences.append((hours, low, f"{label} at {hours:g} h: {mean:+.3f} [{low:+.3f}, {high:+.3f}]"))
    print("\nMinus cost_aware, the three narrowest at each moment:")
    for hours in HOURS:
        for _, _, line in sorted(one for one in differences if one[0] == hours)[:3]:
            print("-", line)
    print("Intervals that hold zero:", [line for _, low, line in differences if low <= 0] or "none")


if __name__ == "__main__":
    main()
