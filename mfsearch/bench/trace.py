"""What a run leaves behind: one row for every charge, as Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mfsearch.errors import DataError

SCHEMA = pa.schema(
    [
        pa.field("method", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("step", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("rung", pa.string(), nullable=False),
        pa.field("architecture", pa.string()),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("recommended", pa.string()),
    ]
)
_KEY = b"mfsearch"


@dataclass(slots=True)
class Row:
    """One charge of one run.

    Attributes:
        step: Number of the charge in its run, from 0.
        kind: `score`, `evaluation`, `teacher` or `optimiser`.
        rung: Name of the rung; of the shared resource where it is one; empty for the optimiser.
        architecture: What was paid for; None where the row covers many, or none.
        count: How many architectures it covers.
        seconds: Device seconds charged.
        recommended: The architecture recommended after this row; None before the first evaluation.
    """

    step: int
    kind: str
    rung: str
    architecture: str | None
    count: int
    seconds: float
    recommended: str | None


def to_table(method: str, seed: int, rows: Sequence[Row], about: Mapping[str, Any]) -> pa.Table:
    """Rows of one run as a table; `about` is JSON that travels with it."""
    data = [{"method": method, "seed": seed, **asdict(row)} for row in rows]
    return described(pa.Table.from_pylist(data, schema=SCHEMA), about)


def described(table: pa.Table, about: Mapping[str, Any]) -> pa.Table:
    """The table with JSON that travels with it."""
    return table.replace_schema_metadata({_KEY: json.dumps(about, sort_keys=True)})


def write(path: Path, table: pa.Table) -> None:
    """Write Parquet in one piece: a file that exists is whole."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(table, partial, compression="zstd")
    os.replace(partial, path)


def read(path: Path) -> pa.Table:
    """Read a table of runs.

    Raises:
        DataError: If the file is no such table.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} must be a Parquet file of runs; it cannot be read ({error}). Delete it and run again."
        ) from error
    if table.schema.names != SCHEMA.names:
        raise DataError(
            f"{path} must have the columns {', '.join(SCHEMA.names)}; got {', '.join(table.schema.names)}. Delete it."
        )
    return table


def about(source: Path | pa.Table) -> dict[str, Any]:
    """What travels with a table of runs; empty where nothing does.

    Raises:
        DataError: If the file cannot be read.
    """
    try:
        schema = pq.read_schema(source) if isinstance(source, Path) else source.schema
        found: dict[str, Any] = json.loads((schema.metadata or {}).get(_KEY, b"{}"))
    except (OSError, pa.ArrowException, json.JSONDecodeError) as error:
        raise DataError(
            f"{source} must be a Parquet file of runs; it cannot be read ({error}). Delete it and run again."
        ) from error
    return found
