"""What is a short training with a teacher worth? Rank correlation of few epochs, really run, with 200 epochs.

    python benchmarks/live_fidelity_correlation.py --data cifar10.npz --table nasbench201.csv.gz --out DIR [--jobs 2] [--full]

A fixed random sample of NAS-Bench-201 cells is trained for 1 and 3 epochs on a part of CIFAR-10 with the labels alone (ce), with a
teacher's outputs (kd) and with its feature maps (nst); the teacher learns from the same pictures. What comes out is compared with the
benchmark's accuracy after 200 epochs (`cifar10-valid_val_e200` of TABLE), of which nothing is kept. DATA is whatever the data set
`pictures` reads. Small networks on 4,000 pictures by default, some two hours of one core; `--full` takes the benchmark's networks and
all pictures, for a GPU. DIR holds a measured table (docs/tables.md); the same command goes on after a stop.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mfsearch.config import StudyConfig
from mfsearch.store.location import home
from mfsearch.tables.measured import Measured
from mfsearch.tabulate.building import Order, build_table
from mfsearch.tabulate.findings import correlation
from mfsearch.tabulate.measure import Setting

ACCURACY = "cifar10-valid_val_e200"
LOSSES: dict[str, dict[str, Any]] = {
    "ce": {"loss": "ce"},
    "kd": {"loss": "kd", "alpha": 0.5, "temperature": 6.0},
    "nst": {"loss": "nst", "beta": 1.0},
}
FIGURES = ("train_accuracy", "-train_loss", "val_accuracy")


def config(data: Path, full: bool) -> StudyConfig:
    """The ladder: every loss for 1 and for 3 epochs."""
    network = {"channels": 16 if full else 8, "cells": 5 if full else 1, "reduction": "residual"}
    teacher = {
        **network,
        "channels": 32 if full else 16,
        "feature_epochs": 0 if full else 3,
        "training": {"epochs": 20 if full else 12},
    }
    options = {"path": str(data), "epochs": 0} if full else {"path": str(data), "train": 4000, "val": 1000, "epochs": 3}
    rungs = [
        {
            "use": "distillation",
            "name": f"{loss}{epochs}",
            "epochs": epochs,
            "batch": 256 if full else 64,
            "signal": "train_accuracy",
            "validate": True,
            "keep_weights": False,
            "expected_seconds": 10.0 * epochs,
            **settings,
        }
        for epochs in (1, 3)
        for loss, settings in LOSSES.items()
    ]
    rungs[-1]["signal"] = "val_accuracy"  # a ladder ends with the objective; all figures are measured on every rung
    return StudyConfig.model_validate(
        {
            "space": "nasbench201",
            "task": {"use": "pictures", **options, "network": network, "teacher": teacher},
            "ladder": rungs,
            "execution": {"clock": "wall" if full else "cpu"},
        }
    )


def report(table: Measured, truth: pd.Series) -> str:
    """Markdown: a line a rung, a column a figure, over all cells and over the better half."""
    cells = [key for key in table.architectures if key in truth.index]
    accuracy = truth.loc[cells].to_numpy(dtype=float)
    better = accuracy >= np.median(accuracy)
    lines = [
        f"{len(cells)} cells, {'; '.join(table.about.machines)}, {table.about.clock} seconds; teacher {table.about.shared['teacher']:.0f} s",
        "",
        "| rung | s | train accuracy | better half | training loss | better half | validation accuracy | better half |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for rung in table.about.rungs:
        seconds = np.mean([s for found in table.figures(rung.name, "seconds").values() for s in found])
        columns = []
        for figure in FIGURES:
            held = table.figures(rung.name, figure.removeprefix("-"))
            sign = -1.0 if figure.startswith("-") else 1.0
            values = np.array([sign * held[key][0] if key in held else np.nan for key in cells])
            for part in (np.isfinite(values), np.isfinite(values) & better):
                found = correlation([[pair] for pair in zip(values[part], accuracy[part], strict=True)])
                columns.append(f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]" if found else "-")
        lines.append(f"| {rung.name} | {seconds:.1f} | {' | '.join(columns)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    setting = Setting(config(options.data.resolve(), options.full), home())
    table = build_table(Order(setting, options.out, options.cells, jobs=options.jobs), lambda line: print(line, flush=True))
    print(report(table, pd.read_csv(options.table).set_index("arch")[ACCURACY]))


if __name__ == "__main__":
    main()
