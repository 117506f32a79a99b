"""Problems made of what MF-KD's authors measured (Trofimov et al., 2020): cells distilled with NST, and networks on parts of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow.compute as pc

from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import AbstractFidelity
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularEvaluation, TabularScores
from mfsearch.networks.counts import count_mobilenet_flops
from mfsearch.problems.base import LookUp, Oracle, Problem
from mfsearch.records import Objective
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.subset import SubsetSpace
from mfsearch.spaces.table import TableSpace
from mfsearch.tables.mfkd_csv import DATASET, EPOCHS
from mfsearch.tables.table import BenchmarkTable, column, read_table, table_names

SHORT, LONG = 12, 200
NST_RATIO: Final = 1.5
"""What an epoch of NST costs in plain epochs, by MF-KD's authors."""

FLOPS: Final = "flops"
_EXPANSIONS, _STRIDES, _CLASSES = (1, 6, 6, 6, 6, 6, 6), (1, 2, 2, 2, 1, 2, 1), 100  # of all of the networks, by the file

_Split = Literal["val", "test"]


def nst240(
    home: Path,
    rungs: Sequence[str] = ("nst1", "nst3", "nst12", "e12", "e200"),
    signal: Literal["train", "val"] = "train",
    seconds: Literal["table", "own"] = "table",
    table: str = "nasbench201",
) -> Problem:
    """Cells of NAS-Bench-201 with NST runs on CIFAR-100, and the benchmark's plain runs above them.

    The target is validation accuracy after 200 plain epochs; test accuracy is that of the same runs. Cells without validation
    accuracy of their NST runs are left out; of cells that compute the same function the first counts. The NST runs' seconds are
    another GPU's than the benchmark's: unless `seconds` says otherwise they are charged 1.5 of the benchmark's seconds an epoch. The
    teacher is not charged, in the authors' way.

    Args:
        home: Folder that holds `tables/`.
        rungs: Cheapest first, the target last: `nst1` to `nst12` (epochs of NST), `e12` and `e200` (plain).
        signal: Which accuracy is the value of an NST rung. Train accuracy ranks better after few epochs.
        seconds: `table`: as above. `own`: what the NST runs took on their own GPU.
        table: Imported table of NAS-Bench-201.

    Raises:
        DataError: If one of the two tables was not imported, or has nothing in common with the other.
        ConfigError: If a rung, signal or `seconds` is none.
    """
    if signal not in ("train", "val") or seconds not in ("table", "own"):
        raise ConfigError(f"signal must be train or val, and seconds table or own; got {signal!r} and {seconds!r}. Mend them.")
    nst, plain = _imported(home, "mfkd-nst240", curves=True).results, _imported(home, table, "nasbench201").results
    schedule = int(pc.max(nst["schedule"]).as_py())
    epochs = {f"nst{n}": n for n in range(1, schedule + 1)}
    known = [*epochs, f"e{SHORT}", f"e{LONG}"]
    if not rungs or list(rungs) != [name for name in known if name in rungs] or rungs[-1] not in (f"e{SHORT}", f"e{LONG}"):
        raise ConfigError(
            f"rungs must be some of {known[0]} to {', '.join(known[-3:])}, cheapest first, a plain one last; got {', '.join(rungs) or 'none'}. "
            "Mend them."
        )
    price = column(plain, DATASET, "val", SHORT)[1]
    columns: dict[str, tuple[dict[str, float], dict[str, float]]] = {}
    for name in rungs:
        if name in epochs:
            values, own = column(nst, DATASET, signal, schedule, epochs[name])
            charged = {cell: NST_RATIO * epochs[name] / SHORT * s for cell, s in price.items()}
            columns[name] = values, own if seconds == "own" else charged
        else:
            columns[name] = column(plain, DATASET, "val", int(name[1:]))
    searchable = column(nst, DATASET, "val", schedule)
    cells = [
        cell
        for cell in searchable[0]
        if cell in searchable[1] and all(cell in values and cell in took for values, took in columns.values())
    ]
    if not cells:
        raise DataError(
            "NST runs and plain runs must be of the same cells; none is in both tables. Import both from their sources."
        )
    whole = NASBench201Space(cells)
    space = SubsetSpace(whole, [a.key for a in whole.enumerate()])
    classes = [a.key for a in space.enumerate()]
    target = int(rungs[-1][1:])
    signals = {name: "train_accuracy" if name in epochs and signal == "train" else "val_accuracy" for name in rungs}
    resources = {name: NST_RATIO * epochs[name] if name in epochs else float(name[1:]) for name in rungs}
    return _problem(
        "mfkd-nst240",
        space,
        [TabularEvaluation(name, *columns[name], signals[name], resources[name]) for name in rungs],
        {cell: columns[rungs[-1]][0][cell] for cell in classes},
        column(plain, DATASET, "test", target)[0],
        f"{len(cells)} cells of NAS-Bench-201 in {len(classes)} classes with NST runs on CIFAR-100 by MF-KD's authors, plain runs of table "
        f"{table!r}; a class has the figures of its first cell. Seconds of NST "
        f"are {'those of their own GPU' if seconds == 'own' else f'{NST_RATIO} of those of the table an epoch'}; no teacher is charged. "
        "One NST run a cell; plain values are means over seeds charged as one run. GPU-hours are the benchmark's own.",
    )


def mobilenetv2(home: Path, rungs: Sequence[str] = (FLOPS, "nst27", "nst9", "nst3", "full"), target: _Split = "val") -> Problem:
    """100 MobileNetV2-like networks on CIFAR-100: trained for 100 epochs on parts of the training set, by ten methods.

    Inputs are the logarithms of channels and repeats of every stage: twice as wide is as far from as half as wide. The target is accuracy of
    plain training on all data.

    Args:
        home: Folder that holds `tables/`.
        rungs: Cheapest first, the target `full` last: method and divisor, such as `kd27` (distilled, a 27th part) or `nokd9`. Before them
            `flops`, a free score: operations, counted from the stages (the stem, which the file does not tell, with 32 channels).
        target: Which accuracy is searched, on every rung: `val`; `test` only to repeat what others did.

    Raises:
        DataError: If the table was not imported, or lacks what is needed.
        ConfigError: If a rung or the target is none.
    """
    results = _imported(home, "mfkd-mobilenetv2")
    known, share = {}, {}  # rung -> dataset of the table, and the part of the training set
    for dataset in pc.unique(results.results["dataset"]).to_pylist():
        method, _, divisor = dataset.removeprefix(f"{DATASET}-").rpartition("-")
        name = "full" if (method, divisor) == ("nokd", "1") else f"{method}{divisor}"
        known[name], share[name] = dataset, 1.0 / int(divisor)
    if "full" not in known:
        raise DataError(
            "the benchmark must have plain training on all data (nokd, divisor 1); it has none. Import it from its source."
        )
    if target not in ("val", "test"):
        raise ConfigError(f"target must be val or test; got {target!r}. Mend it.")
    runs = [name for place, name in enumerate(rungs) if place or name != FLOPS]
    if not runs or len(set(runs)) < len(runs) or not set(runs) <= set(known) or runs[-1] != "full":
        raise ConfigError(
            f"rungs must be some of {', '.join(sorted(known))}, 'full' last, with {FLOPS!r} first or not at all; "
            f"got {', '.join(rungs) or 'none'}. Mend them."
        )
    columns = {name: column(results.results, known[name], target, EPOCHS) for name in runs}
    scores = results.scores
    figures = np.stack([scores[name].to_numpy() for name in scores.column_names[2:]], axis=1)
    rows = {
        name: row
        for name, row in zip(scores["architecture"].to_pylist(), figures.tolist(), strict=True)
        if all(name in values and name in took for values, took in columns.values())
    }
    ladder: list[AbstractFidelity] = [
        TabularEvaluation(name, *columns[name], f"{target}_accuracy", EPOCHS * share[name]) for name in runs
    ]
    if rungs[0] == FLOPS:
        stages = {
            row["architecture"]: [
                (int(row[f"stage{i}_channels"]), int(row[f"stage{i}_repeats"])) for i in range(figures.shape[1] // 2)
            ]
            for row in scores.to_pylist()
        }
        counted = {name: (float(count_mobilenet_flops(own, _EXPANSIONS, _STRIDES, _CLASSES)),) for name, own in stages.items()}
        ladder.insert(0, TabularScores(FLOPS, [FLOPS], counted, trusted=[FLOPS]))
    return _problem(
        "mfkd-mobilenetv2",
        TableSpace("mobilenetv2", {name: np.log2(row).tolist() for name, row in rows.items()}),
        ladder,
        {name: columns["full"][0][name] for name in rows},
        column(results.results, known["full"], "test", EPOCHS)[0],
        f"{len(rows)} MobileNetV2-like networks on CIFAR-100, measured by MF-KD's authors, one run each. What is searched is {target} accuracy"
        f"{' (as a search must not; to repeat what others did)' if target == 'test' else ''}. Seconds are theirs.",
    )


def _imported(home: Path, name: str, benchmark: str | None = None, curves: bool = False) -> BenchmarkTable:
    """A table that must be there.

    Raises:
        DataError: If it is not; the message says what to type.
    """
    if name not in table_names(home):
        raise DataError(
            f"this problem needs table {name!r}, which was not imported. Run: mfsearch data import {benchmark or name} SOURCE"
            f"{f' --name {name}' if benchmark not in (None, name) else ''}."
        )
    return read_table(home, name, curves)


def _problem(
    name: str,
    space: SubsetSpace | TableSpace,
    ladder: Sequence[AbstractFidelity],
    truth: Mapping[str, float],
    test: Mapping[str, float],
    description: str,
) -> Problem:
    oracle = Oracle(max(truth.values()), max(truth.values()) - min(truth.values()), LookUp(truth), LookUp(test))
    objective = Objective(ladder[-1].signal, "maximise", "percent")
    return Problem(
        name,
        space,
        FidelityLadder(list(ladder)),
        objective,
        virtual=True,
        recommend="predicted",
        oracle=oracle,
        description=description,
    )
