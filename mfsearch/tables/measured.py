"""Tables that mfsearch measures itself: all rungs of a ladder on the same architectures, in Parquet.

One row a purchase: an architecture on a rung with a seed. Every figure is a column, empty where the row's rung does not measure it,
and so is every learning curve, as a list. What the rungs are, and on what they were measured, travels in the file's metadata as JSON:
a table can be searched without the data and the teacher that it was measured with.

Shards have the same form: a table is its shards one after the other.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mfsearch.errors import ConfigError, DataError
from mfsearch.records import Objective

FORMAT: Final = 1
FIXED: Final = pa.schema(
    [
        pa.field("architecture", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),  # why it was measured: `sample` (at random) or `neighbour`
        pa.field("rung", pa.string(), nullable=False),
        ("seed", pa.int64()),  # empty for scores
        pa.field("status", pa.string(), nullable=False),  # `ok` or `failed`
        pa.field("seconds", pa.float64(), nullable=False),  # device seconds, validation included
        ("message", pa.string()),  # what went wrong
    ]
)
_KEY: Final = b"mfsearch.measured"
_AGAIN: Final = "Build it again: mfsearch table build CONFIG."


@dataclass(frozen=True)
class MeasuredRung:
    """A rung as a table remembers it; fields as those of `AbstractScore` and `AbstractEvaluation`.

    Attributes:
        name: Name of the rung.
        kind: `score` or `evaluation`.
        signal: Which figure is its value.
        seeds: How often every architecture was to be measured.
        resource: What other libraries call its budget, such as epochs.
        columns: For scores, the figures.
        trusted: For scores, which of them are known to rise with the value.
        capacity: For scores, which of them count what a network is made of; they are free.
        shared: Names of what must be paid for once before it can be used.
    """

    name: str
    kind: Literal["score", "evaluation"]
    signal: str
    seeds: int = 1
    resource: float | None = None
    columns: tuple[str, ...] = ()
    trusted: tuple[bool, ...] = ()
    capacity: tuple[bool, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeasuredAbout:
    """Where a table comes from.

    Attributes:
        config: The config that it was measured with, as JSON.
        rungs: Its rungs, in the ladder's order.
        objective: What the target is searched for.
        shared: What was prepared once -> its device seconds.
        machines: What it was measured on.
        clock: `wall` or `cpu`: which seconds were counted.
    """

    config: Mapping[str, Any]
    rungs: tuple[MeasuredRung, ...]
    objective: Objective
    shared: Mapping[str, float]
    machines: tuple[str, ...]
    clock: str

    def rung(self, name: str) -> MeasuredRung:
        """A rung by name.

        Raises:
            DataError: If there is none of that name.
        """
        for rung in self.rungs:
            if rung.name == name:
                return rung
        raise DataError(f"a rung must be one of {', '.join(rung.name for rung in self.rungs)}; got {name!r}. Name one of them.")


@dataclass(frozen=True)
class MeasuredRow:
    """One purchase.

    Attributes:
        architecture: Key of the architecture.
        group: `sample` or `neighbour`.
        rung: Name of the rung.
        seed: Seed of the evaluation; None for scores.
        status: `ok` or `failed`.
        seconds: Device seconds.
        message: What went wrong.
        figures: Measured figures by name.
        curves: Learning curves by name.
    """

    architecture: str
    group: str
    rung: str
    seed: int | None
    status: str
    seconds: float
    message: str | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """A table, or a shard of one.

    Attributes:
        about: Where it comes from.
        rows: The columns of `FIXED`, then float64 figures and lists of float32.
    """

    about: MeasuredAbout
    rows: pa.Table

    @property
    def architectures(self) -> list[str]:
        """Keys of all architectures, in the order in which they were measured."""
        return list(dict.fromkeys(self.rows["architecture"].to_pylist()))

    def figures(self, rung: str, figure: str) -> dict[str, list[float]]:
        """Architecture -> what each of its seeds came to, in the order of the rows; what failed or is empty is left out.

        `seconds` is a figure, too.
        """
        if figure not in self.rows.column_names:
            return {}
        mine = self.rows.filter(pc.and_(pc.equal(self.rows["rung"], rung), pc.equal(self.rows["status"], "ok")))
        found: dict[str, list[float]] = {}
        for key, value in zip(mine["architecture"].to_pylist(), mine[figure].to_pylist(), strict=True):
            if value is not None:
                found.setdefault(key, []).append(value)
        return found


def to_rows(rows: Sequence[MeasuredRow]) -> pa.Table:
    """As Arrow: `FIXED`, then a column for every figure and curve that occurs, in the order in which they do."""
    columns: dict[str, pa.Array] = {
        field.name: pa.array([getattr(row, field.name) for row in rows], field.type) for field in FIXED
    }
    for name in dict.fromkeys(name for row in rows for name in row.figures):
        columns[name] = pa.array([row.figures.get(name) for row in rows], pa.float64())
    for name in dict.fromkeys(name for row in rows for name in row.curves):
        columns[name] = pa.array([row.curves.get(name) for row in rows], pa.list_(pa.float32()))
    fields = [*FIXED, *(pa.field(name, column.type) for name, column in list(columns.items())[len(FIXED) :])]
    return pa.table(columns, pa.schema(fields))


def write_measured(path: Path, measured: Measured) -> None:
    """Write in one piece: a file that exists is whole."""
    described = measured.rows.replace_schema_metadata({_KEY: json.dumps({"format": FORMAT, **asdict(measured.about)})})
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    pq.write_table(described, partial, compression="zstd", compression_level=12, write_page_checksum=True)
    os.replace(partial, path)


def read_measured(path: Path) -> Measured:
    """Read and check a table or shard.

    Raises:
        DataError: If it cannot be read, is none, or holds what cannot be.
    """
    try:
        table = pq.read_table(path, page_checksum_verification=True, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"a measured table must be a readable Parquet file; {path} is not: {_short(error)}. {_AGAIN}") from error
    about = _decoded(table.schema.metadata, path)
    rows = table.replace_schema_metadata(None)
    for wanted in FIXED:
        if wanted.name not in rows.column_names or rows.schema.field(wanted.name).type != wanted.type:
            raise DataError(f"a measured table must have a column {wanted.name} of {wanted.type}; {path} has none. {_AGAIN}")
    _check(rows, about, str(path))
    return Measured(about, rows)


def merged(shards: Iterable[tuple[str, Measured]]) -> Measured:
    """All shards as one table.

    Args:
        shards: Name (for messages) and contents, at least one.

    Raises:
        DataError: If they were measured by different configs, or a purchase comes twice.
    """
    (first_name, first), *rest = shards
    for name, shard in rest:
        ours, theirs = (asdict(m.about) for m in (first, shard))
        for key in ("config", "rungs", "objective", "clock"):
            if ours[key] != theirs[key]:
                raise DataError(
                    f"shards of one table must be measured alike; {name} and {first_name} differ in {key}. Take another folder for one of them."
                )
    everything = [first, *(shard for _, shard in rest)]
    rows = pa.concat_tables([shard.rows for shard in everything], promote_options="default").combine_chunks()
    _check(rows, first.about, "the shards together")
    machines = tuple(dict.fromkeys(machine for shard in everything for machine in shard.about.machines))
    return Measured(replace(first.about, machines=machines), rows)


def _check(rows: pa.Table, about: MeasuredAbout, source: str) -> None:
    """Every rule of the rows.

    Raises:
        DataError: Naming the first that is broken.
    """
    names = [rung.name for rung in about.rungs]
    figures = [f.name for f in rows.schema if f.name not in FIXED.names and pa.types.is_floating(f.type)]
    seconds = rows["seconds"]
    rules: list[tuple[str, str, pa.ChunkedArray]] = [
        (f"rung must be one of {', '.join(names)}", "rung", pc.invert(pc.is_in(rows["rung"], pa.array(names)))),
        ("status must be ok or failed", "status", pc.invert(pc.is_in(rows["status"], pa.array(["ok", "failed"])))),
        ("seconds must be finite", "seconds", pc.invert(pc.is_finite(seconds))),
        ("seconds must not be negative", "seconds", pc.less(seconds, 0.0)),
        *((f"{name} must be finite", name, pc.invert(pc.is_finite(rows[name]))) for name in figures),
    ]
    for rule, column, broken in rules:
        wrong = rows.filter(pc.fill_null(broken, False))
        if len(wrong):
            first = wrong.slice(0, 1).to_pylist()[0]
            raise DataError(f"{rule}; got {first[column]!r} for {first['architecture']} on {first['rung']} in {source}. {_AGAIN}")
    counted = rows.group_by(["architecture", "rung", "seed"]).aggregate([([], "count_all")])
    if len(counted) < len(rows):
        double = counted.filter(pc.greater(counted["count_all"], 1)).slice(0, 1).to_pylist()[0]
        raise DataError(
            f"a purchase must come once; got {double['architecture']} on {double['rung']} {double['count_all']} times in {source}. {_AGAIN}"
        )


def _decoded(metadata: Mapping[bytes, bytes] | None, path: Path) -> MeasuredAbout:
    try:
        held: dict[str, Any] = json.loads((metadata or {})[_KEY])
        found = held.pop("format")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise DataError(f"a measured table must say where it comes from; {path} says nothing of it. {_AGAIN}") from None
    if found != FORMAT:
        raise DataError(f"a measured table must have format {FORMAT}; {path} has {found!r}. {_AGAIN}")
    try:
        described: list[dict[str, Any]] = [
            {key: tuple(value) if isinstance(value, list) else value for key, value in rung.items()} for rung in held.pop("rungs")
        ]
        rungs = tuple(MeasuredRung(**rung) for rung in described)
        objective = Objective(**held.pop("objective"))
        about = MeasuredAbout(**held | {"machines": tuple(held["machines"])}, rungs=rungs, objective=objective)
        if not rungs or not all(math.isfinite(seconds) and seconds >= 0 for seconds in about.shared.values()):
            raise ValueError("its rungs or what they share")
        about.rung(rungs[-1].name)
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise DataError(f"the description of a measured table must be whole; in {path} {error} is wrong. {_AGAIN}") from error
    return about


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
