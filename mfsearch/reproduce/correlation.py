"""How well short and distilled trainings rank whole ones: `mfsearch reproduce mfkd correlation`.

From the measurements of MF-KD's authors (Trofimov et al., "Multi-fidelity Neural Architecture Search with Knowledge Distillation", 2020):
NST runs of cells of NAS-Bench-201 on CIFAR-100, beside the benchmark's own plain runs of the same cells, and their MobileNetV2-like
networks on parts of CIFAR-100's training set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mfsearch.errors import DataError
from mfsearch.reproduce.agreement import Interval, agreement, gain
from mfsearch.tables.mfkd_csv import DATASET, EPOCHS
from mfsearch.tables.table import column, read_table, table_names

SHORT, LONG = 12, 200
BEST: Final = 0.3
SIGNALS: Final = {"train": "val", "val": "val", "test": "test"}
"""What is measured -> what of the plain runs it is compared with; plain runs' train accuracy is not public."""

_LEAST = 4  # architectures


@dataclass(frozen=True)
class Line:
    """One kind of cheap figure.

    Attributes:
        source: `nst` or `plain` runs of cells; the method on MobileNetV2-like networks.
        part: How much of a training it is: `3 epochs`, `1/27 of the data`.
        signal: Which accuracy: `train`, `val`, `test`.
        group: `all`, or `best 30%` by the target.
        n: Number of architectures.
        seconds: Mean seconds of one, on the authors' device; None where they are not known.
        found: Agreement with the target, by coefficient.
        ahead: What it agrees better than the plain short runs of the same architectures; None where there are none.
    """

    source: str
    part: str
    signal: str
    group: str
    n: int
    seconds: float | None
    found: Mapping[str, Interval]
    ahead: Mapping[str, Interval] | None = None

    def to_json(self) -> dict[str, Any]:
        """Coefficients as [figure, low, high]."""
        ahead = None if self.ahead is None else {name: own.to_json() for name, own in self.ahead.items()}
        return {**asdict(self), "found": {name: own.to_json() for name, own in self.found.items()}, "ahead": ahead}


def correlations(home: Path, table: str = "nasbench201", seed: int = 0) -> dict[str, list[Line]]:
    """The lines of every benchmark that was imported: `nst240`, `mobilenetv2`.

    Args:
        home: Folder that holds `tables/`.
        table: The imported table with the plain runs of the cells.
        seed: Of the resamples.

    Raises:
        DataError: If neither is there, or a table lacks what is needed.
    """
    there = table_names(home)
    found: dict[str, list[Line]] = {}
    if "mfkd-nst240" in there:
        if table not in there:
            raise DataError(
                f"the NST runs are compared with plain runs of a table; there is no {table!r}. Import it: mfsearch data import nasbench201 SOURCE."
            )
        found["nst240"] = of_cells(read_table(home, "mfkd-nst240", curves=True).results, read_table(home, table).results, seed)
    if "mfkd-mobilenetv2" in there:
        found["mobilenetv2"] = of_networks(read_table(home, "mfkd-mobilenetv2").results, seed)
    if not found:
        raise DataError(
            "the measurements of MF-KD's authors must be imported first; neither is. Run: mfsearch data import mfkd-nst240 SOURCE, "
            "mfsearch data import mfkd-mobilenetv2 SOURCE."
        )
    return found


def of_cells(nst: pa.Table, plain: pa.Table, seed: int = 0) -> list[Line]:
    """Every epoch of the NST runs, and the plain short runs of the same cells, against test accuracy after 200 plain epochs.

    Args:
        nst: Results with learning curves.
        plain: Results of NAS-Bench-201; each cell has its own row's figures, not those of its class.
        seed: Of the resamples.

    Raises:
        DataError: If there are no cells that both have.
    """
    target = column(plain, DATASET, "test", LONG)[0]
    short = {split: column(plain, DATASET, split, SHORT) for split in ("val", "test")}
    schedule = int(pc.max(nst["schedule"]).as_py())
    lines = [_lines("plain", f"{SHORT} epochs", split, figures, target, None, seed) for split, figures in _of(short, nst).items()]
    for epoch in range(1, schedule + 1):
        for split, other in SIGNALS.items():
            figures = column(nst, DATASET, split, schedule, epoch)
            lines.append(_lines("nst", _epochs(epoch), split, figures, target, short[other][0], seed))
    found = [line for own in lines for line in own]
    if not found:
        raise DataError(
            "NST runs and plain runs must be of the same cells; no 4 are in both tables. Import both from their sources."
        )
    return found


def of_networks(results: pa.Table, seed: int = 0) -> list[Line]:
    """Every method and part, by validation accuracy, against the test accuracy of plain training on all data.

    Raises:
        DataError: If plain training on all data is not there.
    """
    target, _ = column(results, f"{DATASET}-nokd-1", "test", EPOCHS)
    if not target:
        raise DataError(
            "the benchmark must have plain training on all data (nokd, divisor 1); it has none. Import it from its source."
        )
    names = [name.removeprefix(f"{DATASET}-").rpartition("-") for name in pc.unique(results["dataset"]).to_pylist()]
    parts = sorted(
        ((method, int(divisor)) for method, _, divisor in names if int(divisor) > 1), key=lambda own: (own[0], -own[1])
    )
    found = []
    for method, divisor in parts:
        figures = column(results, f"{DATASET}-{method}-{divisor}", "val", EPOCHS)
        plain = column(results, f"{DATASET}-nokd-{divisor}", "val", EPOCHS)[0]
        found += _lines(method, f"1/{divisor} of the data", "val", figures, target, None if method == "nokd" else plain, seed)
    return found


Column = tuple[dict[str, float], dict[str, float]]


def _of(columns: Mapping[str, Column], nst: pa.Table) -> dict[str, Column]:
    """The same of the cells that have NST runs."""
    cells = set(pc.unique(nst["architecture"]).to_pylist())
    return {name: ({cell: a for cell, a in own[0].items() if cell in cells}, own[1]) for name, own in columns.items()}


def _lines(
    source: str,
    part: str,
    signal: str,
    figures: Column,
    target: Mapping[str, float],
    plain: Mapping[str, float] | None,
    seed: int,
) -> list[Line]:
    """Of all architectures, and of the best; none where there are too few."""
    accuracy, seconds = figures
    known = [name for name in accuracy if name in target and (plain is None or name in plain)]
    best = sorted(known, key=lambda name: -target[name])[: math.ceil(BEST * len(known))]
    found = []
    for group, names in (("all", known), ("best 30%", best)):
        if len(names) < _LEAST:
            continue
        x, y = (np.array([known_as[name] for name in names]) for known_as in (accuracy, target))
        other = None if plain is None else np.array([plain[name] for name in names])
        took = [seconds[name] for name in names if name in seconds]
        found.append(
            Line(
                source,
                part,
                signal,
                group,
                len(names),
                float(np.mean(took)) if took else None,
                agreement(x, y, seed),
                None if other is None else gain(x, other, y, seed),
            )
        )
    return found


def _epochs(number: int) -> str:
    return f"{number} epoch{'s' if number > 1 else ''}"


def to_markdown(found: Mapping[str, Sequence[Line]]) -> str:
    """All lines as tables, with what they are."""
    texts = []
    if lines := found.get("nst240"):
        texts += [
            "## Cells of NAS-Bench-201, distilled with NST on CIFAR-100",
            "",
            f"Correlation with the cells' own test accuracy after {LONG} plain epochs. *Ahead* is Spearman's coefficient less that of "
            f"{SHORT} plain epochs of the same cells (by test accuracy for test, else by validation accuracy). 95% intervals by bootstrap over "
            "cells, paired. Epoch 1 is the first of a 12-epoch cosine schedule: this says nothing of a schedule of one epoch, nor how one "
            "epoch of NST compares with one of cross-entropy.",
            "",
            *_table(lines),
            "",
        ]
    if lines := found.get("mobilenetv2"):
        texts += [
            "## MobileNetV2-like networks on parts of CIFAR-100",
            "",
            "Correlation of validation accuracy with test accuracy of plain training on all data. *Ahead* is Spearman's coefficient less that of "
            "plain training on the same part.",
            "",
            *_table(lines),
            "",
        ]
    return "\n".join(texts)


def _table(lines: Sequence[Line]) -> list[str]:
    head = ["training", "part", "accuracy", "of", "n", "Spearman", "Kendall", "Pearson", "ahead", "seconds"]
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for line in lines:
        figures = [line.found[name].shown(".3f", ".2f") for name in ("spearman", "kendall", "pearson")]
        ahead = "" if line.ahead is None else line.ahead["spearman"].shown("+.3f", "+.2f")
        seconds = "" if line.seconds is None else f"{line.seconds:,.0f}"
        rows.append(f"| {' | '.join([line.source, line.part, line.signal, line.group, str(line.n), *figures, ahead, seconds])} |")
    return rows
