"""Training runs as NAS-Bench-201 and NATS-Bench record them, to rows: means over seeds, every epoch that was evaluated.

Both formats hold the same records, as plain dictionaries: an architecture has `arch_index`, `arch_str` and `all_results`, which maps
(dataset, seed) to a run; a run has `epochs`, per-epoch `train_acc1es`, `train_losses` and `train_times` (seconds, training alone),
`eval_acc1es` and `eval_losses` by `<set>@<epoch>` (epochs from 0), and the network's `flop` and `params` in millions.

The sets: `x-valid` is the validation set; `x-test`, where a dataset has it, is the test set, and `ori-test` then both together;
where it has none, `ori-test` is the test set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mfsearch.tables.cells import is_cell
from mfsearch.tables.table import RESULTS, Piece

_MAX_EPOCHS: Final = 2_000
_LEGACY_SEED: Final = 888
"""Where the counts of a dataset's runs disagree, a fault of the old records, this seed's are right (NATS-Bench's own rule)."""

_TOO_LARGE: Final = 1e30

Runs = list[Mapping[str, Any]]


def architecture_piece(states: Iterable[object], where: str, index: int, cell: str | None = None) -> Piece:
    """All rows of one architecture.

    Args:
        states: Its records, one for each schedule.
        where: File or entry that they come from, for messages.
        index: Number of the architecture.
        cell: Its string; None where nothing but the records tells.

    Returns:
        What is usable; damaged parts are named in `missing`.
    """
    groups: dict[tuple[str, int], Runs] = {}
    missing: list[tuple[str, str]] = []
    for state in states:
        named = _cell(state, index)
        if named is None or cell not in (None, named):
            missing.append(("records of another architecture, or of none", where))
            continue
        cell = named
        results = state["all_results"] if isinstance(state, Mapping) else {}
        for key, run in results.items():
            if (group := _group(key, run)) is None:
                missing.append(("damaged runs", f"{where} {key}"))
            else:
                groups.setdefault(group, []).append(run)
    if cell is None or not groups:
        return Piece(missing=tuple(missing) or (("no runs", where),))
    tested = {dataset for (dataset, _), runs in groups.items() for run in runs if "x-test" in _sets(run)}
    rows = [
        _rows((index, cell), dataset, epochs, runs, dataset in tested, where, missing)
        for (dataset, epochs), runs in groups.items()
    ]
    return Piece(pa.concat_tables(rows), _counts(cell, groups), tuple(missing))


def _cell(state: object, index: int) -> str | None:
    """The cell that the records of an architecture are of; None where they are not what they must be."""
    if not isinstance(state, Mapping) or not isinstance(state.get("all_results"), Mapping) or state.get("arch_index") != index:
        return None
    cell = state.get("arch_str")
    return cell if isinstance(cell, str) and is_cell(cell) else None


def _group(key: object, run: object) -> tuple[str, int] | None:
    """Dataset and schedule of a run; None where the record is not what it must be."""
    if not isinstance(key, tuple) or len(key) != 2 or not isinstance(key[0], str) or not isinstance(run, Mapping):
        return None
    epochs = run.get("epochs")
    if not isinstance(epochs, int) or not 1 <= epochs <= _MAX_EPOCHS or not isinstance(run.get("eval_acc1es"), Mapping):
        return None
    return key[0], epochs


def _sets(run: Mapping[str, Any]) -> dict[str, None]:
    return {str(key).partition("@")[0]: None for key in run["eval_acc1es"]}


def _rows(
    own: tuple[int, str], dataset: str, epochs: int, runs: Runs, tested: bool, where: str, missing: list[tuple[str, str]]
) -> pa.Table:
    """Every split of one schedule on one dataset."""
    seconds = _seconds(runs, epochs)
    if not np.isfinite(seconds[-1]):
        missing.append((f"no training seconds of {dataset} for {epochs} epochs", where))
    split_of = {"x-valid": "val", "x-test": "test", "ori-test": "valtest" if tested else "test"}
    curves = {"train": [(run.get("train_acc1es"), run.get("train_losses")) for run in runs]}
    for name in {name: None for run in runs for name in _sets(run)}:
        curves[split_of.get(name, name)] = [
            (_evaluated(run, "eval_acc1es", name), _evaluated(run, "eval_losses", name)) for run in runs
        ]
    tables = []
    for split, figures in curves.items():
        accuracies = _matrix([accuracy for accuracy, _ in figures], epochs)
        losses = _matrix([loss for _, loss in figures], epochs)
        outside = (accuracies < 0) | (accuracies > 100)
        if outside.any():
            missing.append((f"accuracies outside [0, 100]: {dataset} {split} for {epochs} epochs", where))
            accuracies[outside] = np.nan
        accuracy, seeds = _mean(accuracies)
        loss, losses_seeds = _mean(losses)
        kept = np.flatnonzero((seeds > 0) | (losses_seeds > 0))
        n = len(kept)
        columns = {
            "index": pa.repeat(pa.scalar(own[0], pa.int32()), n),
            "architecture": pa.repeat(own[1], n),
            "dataset": pa.repeat(dataset, n),
            "schedule": pa.repeat(pa.scalar(epochs, pa.int16()), n),
            "epoch": pa.array(kept + 1, pa.int16()),
            "split": pa.repeat(split, n),
            "accuracy": pa.array(accuracy[kept], from_pandas=True),  # NaN becomes null
            "loss": pa.array(loss[kept], pa.float32(), from_pandas=True),
            "seconds": pa.array(seconds[kept], from_pandas=True),
            "seeds": pa.array(np.maximum(seeds, losses_seeds)[kept], pa.int8()),
        }
        tables.append(pa.table(columns).cast(RESULTS))
    return pa.concat_tables(tables)


def _evaluated(run: Mapping[str, Any], record: str, name: str) -> dict[int, object]:
    """The figures of one set by epoch."""
    held = run.get(record)
    figures: dict[int, object] = {}
    for key, figure in held.items() if isinstance(held, Mapping) else ():
        own, _, epoch = str(key).partition("@")
        if own == name and epoch.isascii() and epoch.isdigit():
            figures[int(epoch)] = figure
    return figures


def _matrix(curves: Sequence[object], epochs: int) -> NDArray[np.float64]:
    """Runs x epochs, NaN where there is no finite figure."""
    matrix = np.full((len(curves), epochs), np.nan)
    for row, curve in zip(matrix, curves, strict=True):
        for epoch, figure in curve.items() if isinstance(curve, Mapping) else ():
            if isinstance(epoch, int) and 0 <= epoch < epochs and _is_number(figure):
                row[epoch] = figure
    return matrix


def _seconds(runs: Runs, epochs: int) -> NDArray[np.float64]:
    """Training seconds up to each epoch, mean over the runs that have all of theirs; NaN where none has."""
    times = _matrix([run.get("train_times") for run in runs], epochs)
    whole = times[np.isfinite(times).all(1) & (times > 0).all(1)]
    return np.cumsum(whole, axis=1).mean(0) if len(whole) else np.full(epochs, np.nan)


def _mean(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean over the runs that have a figure, and how many have."""
    held = np.isfinite(matrix)
    number = held.sum(0)
    total = np.where(held, matrix, 0.0).sum(0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan), number


def _counts(cell: str, groups: Mapping[tuple[str, int], Runs]) -> pa.Table:
    """Operations and parameters of each dataset's network, in millions."""
    rows = []
    for dataset in {dataset: None for dataset, _ in groups}:
        runs = [run for (own, _), held in groups.items() if own == dataset for run in held]
        flops, params = (_agreed(runs, name) for name in ("flop", "params"))
        if flops is not None or params is not None:
            rows.append({"architecture": cell, "dataset": dataset, "flops": flops, "params": params})
    schema = pa.schema(
        [("architecture", pa.string()), ("dataset", pa.string()), ("flops", pa.float64()), ("params", pa.float64())]
    )
    return pa.Table.from_pylist(rows, schema)


def _agreed(runs: Runs, name: str) -> float | None:
    """The count that the runs agree on, else that of the seed which is right."""
    held = [(run.get("seed"), float(run[name])) for run in runs if _is_number(run.get(name))]
    figures = [figure for _, figure in held]
    if len({round(figure, 5) for figure in figures}) > 1:
        figures = [figure for seed, figure in held if str(seed).lstrip("0") == str(_LEGACY_SEED)] or figures
    return figures[0] if figures else None


def _is_number(figure: object) -> TypeGuard[float]:
    return isinstance(figure, (int, float, np.integer, np.floating)) and abs(float(figure)) < _TOO_LARGE
