"""What the authors of MF-KD measured, from CSV files.

`mfkd-nst240` is a learning curve a line and epoch of cells of NAS-Bench-201, distilled on CIFAR-100 with NST: `arch`, `epoch`, `train_acc`,
`x-valid_acc`, `x-test_acc`, `ori-test_acc` (percent), `train_loss`, `train_time_s` (of that epoch, training alone).

`mfkd-mobilenetv2` is a line a network, method and part of CIFAR-100's training set: `method` (`nokd`, `kd`, `nst`, ...),
`training_data_divisor` (1 is all of it, 27 a 27th part), `valid_acc`, `test_acc` (percent), `seconds`, and `stage<i>_channels` and
`stage<i>_repeats`. In the table a method and part are a dataset of their own, `cifar100-nst-27`; an architecture is called by its stages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mfsearch.errors import DataError
from mfsearch.tables.cells import is_cell
from mfsearch.tables.csvtext import CsvText, read_csv
from mfsearch.tables.table import RESULTS, Piece

DATASET: Final = "cifar100"
EPOCHS: Final = 100
"""Epochs of every run of the MobileNetV2 benchmark, whatever part of the training set it saw."""

_SPLITS: Final = {"train_acc": "train", "x-valid_acc": "val", "x-test_acc": "test", "ori-test_acc": "valtest"}
_STAGE: Final = re.compile(r"stage[0-9]+_(?:channels|repeats)")
_METHOD: Final = re.compile(r"[a-z0-9_]+")


def read_nst_csv(path: Path) -> Iterator[Piece]:
    """The one piece of a file of NST runs; a cell that lacks an epoch is left out and named.

    Raises:
        DataError: If the file cannot be read, lacks a column, or has no whole run.
    """
    text = read_csv(path)
    text.require("arch", "epoch", "train_acc", "x-valid_acc", "x-test_acc", "train_time_s")
    held = [name for name in (*_SPLITS, "train_loss", "train_time_s") if name in text.columns.column_names]
    figures, missing = _figures(text, ["epoch", *held])
    lines: dict[str, dict[int, int]] = {}
    for line, (cell, epoch) in enumerate(zip(text.columns["arch"].to_pylist(), figures["epoch"], strict=True)):
        if not is_cell(cell):
            missing.append((f"{text.name}: no cell of NAS-Bench-201", f"line {line + 2}: {cell[:40]!r}"))
        elif not 1 <= epoch < 2**15 or epoch % 1:
            missing.append((f"{text.name}: no epoch", f"line {line + 2}"))
        elif lines.setdefault(cell, {}).setdefault(int(epoch), line) != line:
            missing.append((f"{text.name}: an epoch for the second time", f"line {line + 2}"))
    schedule = max((max(epochs) for epochs in lines.values()), default=0)
    whole = {cell: [epochs[e] for e in sorted(epochs)] for cell, epochs in lines.items() if len(epochs) == schedule}
    missing += [(f"{text.name}: fewer than {schedule} epochs", cell) for cell in lines if cell not in whole]
    if not whole:
        raise DataError(f"{text.name} must have whole runs of cells of NAS-Bench-201; it has none. Name another file.")
    order = np.array(list(whole.values()))  # cells x epochs
    seconds = np.cumsum(figures["train_time_s"][order], axis=1).ravel()
    cells, epochs = np.repeat(list(whole), schedule), np.tile(np.arange(1, schedule + 1), len(whole))
    rows = []
    for column, split in _SPLITS.items():
        if column in held:
            loss = figures["train_loss"][order.ravel()] if split == "train" and "train_loss" in held else None
            accuracy = _percent(text, column, figures[column][order.ravel()], cells, missing)
            rows.append(_rows(cells, DATASET, schedule, epochs, split, accuracy, seconds, loss))
    yield Piece(results=pa.concat_tables(rows), missing=(*text.missing, *missing))


def read_mobilenetv2_csv(path: Path) -> Iterator[Piece]:
    """The one piece of a file of the MobileNetV2 benchmark; what stages are made of is the table's scores.

    Raises:
        DataError: If the file cannot be read, lacks a column, or has no usable line.
    """
    text = read_csv(path)
    text.require("method", "training_data_divisor", "valid_acc", "test_acc", "seconds", "stage0_channels", "stage0_repeats")
    stages = [name for name in text.columns.column_names if _STAGE.fullmatch(name)]
    figures, missing = _figures(text, ["training_data_divisor", "valid_acc", "test_acc", "seconds", *stages])
    encoded = np.stack([figures[name] for name in stages], axis=1)
    divisors, methods = figures["training_data_divisor"], text.columns["method"].to_pylist()
    groups: dict[tuple[str, int], dict[str, int]] = {}
    described: dict[str, int] = {}
    for line, (method, divisor) in enumerate(zip(methods, divisors, strict=True)):
        if not (
            np.isfinite(encoded[line]).all()
            and (encoded[line] > 0).all()
            and divisor >= 1
            and divisor % 1 == 0
            and _METHOD.fullmatch(method)
        ):
            missing.append((f"{text.name}: no method, divisor or stages", f"line {line + 2}"))
            continue
        name = _called(dict(zip(stages, encoded[line], strict=True)))
        described.setdefault(name, line)
        if groups.setdefault((method, int(divisor)), {}).setdefault(name, line) != line:
            missing.append((f"{text.name}: a network for the second time", f"line {line + 2}"))
    if not groups:
        raise DataError(f"{text.name} must have lines with a method, a divisor and stages; it has none. Name another file.")
    rows = []
    for (method, divisor), own in groups.items():
        names, lines = np.array(list(own)), np.array(list(own.values()))
        for column, split in (("valid_acc", "val"), ("test_acc", "test")):
            accuracy = _percent(text, column, figures[column][lines], names, missing)
            epochs = np.full(len(lines), EPOCHS)
            rows.append(_rows(names, f"{DATASET}-{method}-{divisor}", EPOCHS, epochs, split, accuracy, figures["seconds"][lines]))
    first = np.array(list(described.values()))
    columns: dict[str, pa.Array] = {"architecture": pa.array(list(described)), "dataset": pa.nulls(len(first), pa.string())}
    columns |= {name: pa.array(encoded[first, place]) for place, name in enumerate(stages)}
    yield Piece(pa.concat_tables(rows), pa.table(columns), (*text.missing, *missing))


def _called(stages: Mapping[str, float]) -> str:
    """A network's name: channels x repeats of every stage."""
    numbers = sorted({int(name.removeprefix("stage").partition("_")[0]) for name in stages})
    return " ".join(f"{stages[f'stage{i}_channels']:g}x{stages[f'stage{i}_repeats']:g}" for i in numbers)


def _figures(text: CsvText, names: Sequence[str]) -> tuple[dict[str, NDArray[np.float64]], list[tuple[str, str]]]:
    """Columns as float64, NaN where there is no figure, and which lines could not be read."""
    found, missing = {}, list[tuple[str, str]]()
    for name in names:
        column, unread = text.figures(name)
        found[name] = np.array(column.to_pylist(), dtype=np.float64)
        missing += unread
    return found, missing


def _percent(
    text: CsvText, column: str, accuracy: NDArray[np.float64], names: NDArray[np.str_], missing: list[tuple[str, str]]
) -> NDArray[np.float64]:
    """Accuracies, NaN where they cannot be."""
    outside = (accuracy < 0) | (accuracy > 100)
    missing += [(f"{text.name}: {column!r} outside [0, 100]", str(name)) for name in names[outside]]
    return np.where(outside, np.nan, accuracy)


def _rows(
    names: NDArray[np.str_],
    dataset: str,
    schedule: int,
    epochs: NDArray[np.int_],
    split: str,
    accuracy: NDArray[np.float64],
    seconds: NDArray[np.float64],
    loss: NDArray[np.float64] | None = None,
) -> pa.Table:
    """In the table's form; without the figures that are not there."""
    n = len(names)
    columns = {
        "index": pa.nulls(n, pa.int32()),
        "architecture": pa.array(names.tolist()),
        "dataset": pa.repeat(dataset, n),
        "schedule": pa.repeat(pa.scalar(schedule, pa.int16()), n),
        "epoch": pa.array(epochs, pa.int16()),
        "split": pa.repeat(split, n),
        "accuracy": pa.array(accuracy, from_pandas=True),  # NaN becomes null
        "loss": pa.nulls(n, pa.float32()) if loss is None else pa.array(loss, pa.float32(), from_pandas=True),
        "seconds": pa.array(np.where(seconds > 0, seconds, np.nan), from_pandas=True),
        "seeds": pa.repeat(pa.scalar(1, pa.int8()), n),
    }
    rows = pa.table(columns).cast(RESULTS)
    return rows.filter(pc.or_(pc.is_valid(rows["accuracy"]), pc.is_valid(rows["loss"])))
