"""Scores of untrained networks from a CSV file: `arch`, and one column a score."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mfsearch.errors import DataError
from mfsearch.tables.cells import is_cell
from mfsearch.tables.csvtext import read_csv
from mfsearch.tables.table import Piece


def read_zero_cost_csv(path: Path, dataset: str, leave_out: Collection[str] = ()) -> Piece:
    """The scores of a CSV file.

    Args:
        path: The file, plain or gzipped.
        dataset: Name of the dataset that they were computed on.
        leave_out: Columns that another source has for all architectures; two ways to count must not be mixed in one column.

    Raises:
        DataError: If the file cannot be read, or has no `arch` column or no other, or no cell.
    """
    text = read_csv(path)
    text.require("arch")
    names = [name for name in text.columns.column_names if name not in ("arch", *leave_out)]
    if not names:
        raise DataError(f"{text.name} must have a column for each score beside 'arch'; it has none. Name another file.")
    if wrong := [name for name in names if name in ("architecture", "dataset")]:
        raise DataError(f"a score of {text.name} must not be called {wrong[0]!r}. Rename the column.")
    kept: dict[str, int] = {}
    missing = list(text.missing)
    for line, cell in enumerate(text.columns["arch"].to_pylist()):
        if not is_cell(cell):
            missing.append((f"{text.name}: no cell of NAS-Bench-201", f"line {line + 2}: {cell[:40]!r}"))
        elif kept.setdefault(cell, line) != line:
            missing.append((f"{text.name}: a cell for the second time", f"line {line + 2}"))
    if not kept:
        raise DataError(f"{text.name} must have cells of NAS-Bench-201 in the column 'arch'; it has none. Name another file.")
    rows = pa.array(np.fromiter(kept.values(), np.int64))
    columns = {}
    for name in names:
        figures, unread = text.figures(name)
        columns[name] = figures.take(rows)
        missing += unread
    scores = pa.table({"architecture": pa.array(list(kept)), "dataset": pa.repeat(dataset, len(kept)), **columns})
    some = np.any([pc.is_valid(scores[name]).to_numpy(zero_copy_only=False) for name in names], axis=0)
    return Piece(scores=scores.filter(pa.array(some)), missing=tuple(missing))
