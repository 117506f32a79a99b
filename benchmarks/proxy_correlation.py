"""Do our zero-cost proxies rank cells as others' do, and as their accuracy does?

    python benchmarks/proxy_correlation.py --data cifar10.npz --scores scores.csv.gz --table nasbench201.csv.gz [--cells 200] [--jobs 1]

Random unique cells at NAS-Bench-201's own size (16 channels, 5 cells a stage), one minibatch of 64 pictures. DATA is whatever the data
set `pictures` reads; SCORES is NAS-Bench-Suite-Zero's CSV (`arch` and a column a score), TABLE the benchmark's (`arch`, `isomorph`,
`cifar10-valid_val_e200`). Rows are written as they come, and the same command goes on. Of others' figures nothing is kept.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mfsearch.execution.processes import each_in_a_process
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.proxies import PROXIES
from mfsearch.records import Task
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tabulate.findings import correlation

OUT = Path(__file__).parent / "results" / "proxy_correlation.jsonl"
ACCURACY = "cifar10-valid_val_e200"
DATA_FREE = ("params", "flops", "synflow", "l2_norm")


def rung(data: Path, seed: int) -> ZeroCost:
    """All proxies, on networks of the benchmark's size."""
    network = {"channels": 16, "cells": 5, "reduction": "residual"}
    task = Task("pictures", (3, 32, 32), 10, {"path": str(data), "epochs": 1}, network, dict(network))
    home = Path(tempfile.gettempdir())  # nothing is written there: no teacher is trained
    return ZeroCost("proxies", list(PROXIES), LiveTask(NASBench201Space(), task, home), seed=seed)


def scored(task: tuple[Path, int, str]) -> dict[str, object]:
    """One cell's row."""
    data, seed, cell = task
    made = rung(data, seed)
    began = time.process_time()
    scores = made.score([made.live.space.parse(cell)], Context(seed, float("inf"), Path(tempfile.gettempdir())))
    return {"cell": cell, "seconds": time.process_time() - began, **dict(zip(scores.columns, scores.values[0], strict=True))}


def chosen(scores: Path, table: Path, n: int, seed: int) -> list[str]:
    """Random cells, each of another class, as they are written in the file of scores."""
    known = pd.read_csv(scores)[["arch"]].merge(pd.read_csv(table)[["arch", "isomorph"]], on="arch")
    return known.sample(frac=1.0, random_state=seed).drop_duplicates("isomorph")["arch"].tolist()[:n]


def spearman(x: pd.Series, y: pd.Series) -> tuple[float, float, float]:
    """Correlation with its 95% bootstrap interval over cells; NaN where there are too few."""
    a, b = x.to_numpy(dtype=float), y.to_numpy(dtype=float)
    kept = np.isfinite(a) & np.isfinite(b)
    found = correlation([[pair] for pair in zip(a[kept], b[kept], strict=True)])
    return (found.value, found.low, found.high) if found else (np.nan, np.nan, np.nan)


def report(rows: pd.DataFrame, scores: Path, table: Path) -> str:
    """Markdown: agreement with others' scores, and correlation with accuracy, ours and theirs on the same cells."""
    others = pd.read_csv(scores).set_index("arch").loc[rows["cell"]]
    accuracy = pd.read_csv(table).set_index("arch").loc[rows["cell"]][ACCURACY].reset_index(drop=True)
    lines = [
        f"{len(rows)} cells, {rows['seconds'].mean():.1f} s of one core each, torch {torch.__version__}",
        "",
        "| proxy | agreement with NAS-Bench-Suite-Zero | with 200-epoch accuracy | theirs on the same cells |",
        "|---|---|---|---|",
    ]
    for name in PROXIES:
        ours = rows[name].astype(float)
        cells = [f"{v:.2f} [{lo:.2f}, {hi:.2f}]" for v, lo, hi in [spearman(ours, accuracy)]]
        if name in others:
            theirs = others[name].reset_index(drop=True)
            agreed, low, high = spearman(ours, theirs)
            cells = [f"{agreed:.3f} [{low:.3f}, {high:.3f}]", *cells, f"{spearman(theirs, accuracy)[0]:.2f}"]
        else:
            cells = ["-", *cells, "-"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    cells = chosen(options.scores, options.table, options.cells, options.seed)
    held = {}
    if options.out.exists():
        held = {row["cell"]: row for row in map(json.loads, options.out.read_text().splitlines())}
    tasks = [(options.data, options.seed, cell) for cell in cells if cell not in held]
    for done, (_, row) in enumerate(each_in_a_process(scored, tasks, options.jobs), start=1):
        held[str(row["cell"])] = row
        with options.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"[{done}/{len(tasks)}] {row['cell']}: {row['seconds']:.1f} s", flush=True)
    print(report(pd.DataFrame([held[cell] for cell in cells]), options.scores, options.table))


if __name__ == "__main__":
    main()
