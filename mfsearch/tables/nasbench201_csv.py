"""NAS-Bench-201 from a CSV file: one line an architecture.

Columns: `arch`; `index` (the benchmark's number); `flops_m` and `params_m` (millions), where there are; for any dataset, split and
schedule `<dataset>_<split>_e<schedule>` (percent); and `<dataset>_seconds_per_epoch` (training alone). Other columns are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mfsearch.errors import DataError
from mfsearch.tables.cells import is_cell
from mfsearch.tables.csvtext import CsvText, read_csv
from mfsearch.tables.table import NO_SCORES, RESULTS, Piece

_ACCURACY: Final = re.compile(r"(?P<dataset>[A-Za-z0-9][A-Za-z0-9_.-]*)_(?P<split>[a-z]+)_e(?P<schedule>[1-9][0-9]{0,3})")
Pairs: TypeAlias = tuple[tuple[str, str], ...]
_COUNTS: Final = {"flops_m": "flops", "params_m": "params"}


def read_nasbench201_csv(path: Path) -> Iterator[Piece]:
    """The one piece of a CSV file.

    Raises:
        DataError: If the file cannot be read, or has no `arch` column or none with accuracies.
    """
    text = read_csv(path)
    text.require("arch")
    measured = [found for found in map(_ACCURACY.fullmatch, text.columns.column_names) if found]
    if not measured:
        raise DataError(
            f"{text.name} must have columns named <dataset>_<split>_e<epochs>, such as cifar10_test_e200; it has none. "
            "Name another file."
        )
    cells, index, rows, missing = _architectures(text)
    groups = []
    for match in measured:
        figures, unread = text.figures(match[0])
        figures = figures.take(rows)
        wrong = pc.fill_null(pc.or_(pc.less(figures, 0.0), pc.greater(figures, 100.0)), False)
        figures = pc.if_else(wrong, pa.scalar(None, pa.float64()), figures)
        missing += [*unread, *_named(f"{text.name}: {match[0]!r} outside [0, 100]", cells, wrong)]
        dataset, schedule = match["dataset"], int(match["schedule"])
        seconds, unread = _seconds(text, dataset, schedule, rows)
        missing += unread
        groups.append(_rows(index, cells, dataset, schedule, match["split"], figures, seconds))
    results = pa.concat_tables(groups)
    yield Piece(results.filter(pc.is_valid(results["accuracy"])), _counted(text, cells, rows), (*text.missing, *missing))


def _architectures(text: CsvText) -> tuple[pa.Array, pa.Array, pa.Array, list[tuple[str, str]]]:
    """Cells in the order of the benchmark's numbers, their numbers (null where unknown), and the lines they are on."""
    names = text.columns["arch"].to_pylist()
    numbers: list[int | None] = [None] * len(names)
    missing: list[tuple[str, str]] = []
    if "index" in text.columns.column_names:
        figures, unread = text.figures("index")
        missing += unread
        numbers = [int(n) if n is not None and n.is_integer() and 0 <= n < 2**31 else None for n in figures.to_pylist()]
    kept: dict[str, int] = {}
    for line, name in enumerate(names):
        if not is_cell(name):
            missing.append((f"{text.name}: no cell of NAS-Bench-201", f"line {line + 2}: {name[:40]!r}"))
        elif kept.setdefault(name, line) != line:
            missing.append((f"{text.name}: a cell for the second time", f"line {line + 2}"))
    if not kept:
        raise DataError(f"{text.name} must have cells of NAS-Bench-201 in the column 'arch'; it has none. Name another file.")
    lines = np.array(list(kept.values()), dtype=np.int64)
    order = np.argsort([n if n is not None else np.inf for n in (numbers[line] for line in lines)], kind="stable")
    lines = lines[order]
    return (
        pa.array([names[line] for line in lines], pa.string()),
        pa.array([numbers[line] for line in lines], pa.int32()),
        pa.array(lines),
        missing,
    )


def _seconds(text: CsvText, dataset: str, schedule: int, rows: pa.Array) -> tuple[pa.ChunkedArray, Pairs]:
    """Training seconds of the whole schedule; null where the file has none, or none that is positive."""
    column = f"{dataset}_seconds_per_epoch"
    if column not in text.columns.column_names:
        return pa.chunked_array([pa.nulls(len(rows), pa.float64())]), ()
    figures, unread = text.figures(column)
    figures = figures.take(rows)
    positive = pc.if_else(pc.greater(figures, 0.0), figures, pa.scalar(None, pa.float64()))
    lost = pc.count(figures).as_py() - pc.count(positive).as_py()
    # Said once a dataset would be enough; what differs by schedule is not the seconds of an epoch.
    wrong = [(f"{text.name}: {column!r} not positive", f"{lost} line(s)")] if lost else []
    return pc.multiply(positive, float(schedule)), (*unread, *wrong)


def _rows(
    index: pa.Array, cells: pa.Array, dataset: str, schedule: int, split: str, accuracy: pa.ChunkedArray, seconds: pa.ChunkedArray
) -> pa.Table:
    n = len(cells)
    columns = {
        "index": index,
        "architecture": cells,
        "dataset": pa.repeat(dataset, n),
        "schedule": pa.repeat(pa.scalar(schedule, pa.int16()), n),
        "epoch": pa.repeat(pa.scalar(schedule, pa.int16()), n),
        "split": pa.repeat(split, n),
        "accuracy": accuracy,
        "loss": pa.nulls(n, pa.float32()),
        "seconds": seconds,
        "seeds": pa.nulls(n, pa.int8()),
    }
    return pa.table(columns).cast(RESULTS)


def _counted(text: CsvText, cells: pa.Array, rows: pa.Array) -> pa.Table:
    """Parameters and operations, in millions, as scores of no dataset in particular."""
    given = {
        score: text.figures(column)[0].take(rows) for column, score in _COUNTS.items() if column in text.columns.column_names
    }
    return pa.table({"architecture": cells, "dataset": pa.nulls(len(cells), pa.string()), **given}) if given else NO_SCORES


def _named(what: str, cells: pa.Array, which: pa.ChunkedArray) -> list[tuple[str, str]]:
    return [(what, cell) for cell in cells.filter(which.combine_chunks()).to_pylist()]
