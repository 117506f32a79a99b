"""What a table says of itself, kept in the Parquet file's metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

import pyarrow as pa

from mfsearch.errors import DataError

_KEY: Final = b"mfsearch"
_NAMED: Final = 3


@dataclass(frozen=True)
class Missing:
    """Something that a source should have had.

    Attributes:
        what: What is missing or damaged.
        count: How often.
        first: The first few places.
    """

    what: str
    count: int
    first: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.first) else ""
        return f"{self.what}: {self.count} ({', '.join(self.first)}{more})"


@dataclass(frozen=True)
class About:
    """Origin and contents of a table.

    Attributes:
        format: Version of the layout.
        kind: What was imported: `csv`, `nats_bench`, `pth`.
        source: Name of the file or folder it came from.
        digest: Hash of final values and scores.
        missing: What the source lacked.
        architectures: Number of architectures.
        finals: Number of final values.
        curve_rows: Number of values along the way.
        datasets: Dataset -> split -> schedule -> number of architectures with an accuracy.
        scores: Score -> number of values; empty where there are none.
    """

    format: int
    kind: str
    source: str
    digest: str
    missing: tuple[Missing, ...]
    architectures: int
    finals: int
    curve_rows: int
    datasets: Mapping[str, Mapping[str, Mapping[int, int]]]
    scores: Mapping[str, int]


class Missings:
    """Counts what is missing as it is met; keeps the first few places."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, tuple[str, ...]]] = {}

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Pairs (what, where)."""
        for what, where in pairs:
            count, first = self._found.get(what, (0, ()))
            self._found[what] = (count + 1, (*first, where) if len(first) < _NAMED else first)

    def named(self) -> tuple[Missing, ...]:
        """What was met, in that order."""
        return tuple(Missing(what, count, first) for what, (count, first) in self._found.items())

    def line(self) -> str:
        """All of it in one sentence, or nothing."""
        return f"Missing or damaged: {'; '.join(map(str, self.named()))}. " if self._found else ""


def counts(finals: pa.Table) -> dict[str, dict[str, dict[int, int]]]:
    """Dataset -> split -> schedule -> number of accuracies."""
    grouped = finals.group_by(["dataset", "split", "schedule"]).aggregate([("accuracy", "count")])
    found: dict[str, dict[str, dict[int, int]]] = {}
    for row in grouped.sort_by([("dataset", "ascending"), ("split", "ascending"), ("schedule", "ascending")]).to_pylist():
        found.setdefault(row["dataset"], {}).setdefault(row["split"], {})[row["schedule"]] = row["accuracy_count"]
    return found


def encode(about: About) -> dict[bytes, bytes]:
    """As metadata of a Parquet file."""
    return {_KEY: json.dumps(asdict(about), ensure_ascii=False).encode()}


def decode(metadata: Mapping[bytes, bytes] | None, version: int, name: str) -> About:
    """From a file's metadata.

    Raises:
        DataError: If it has none of ours, or that of another version.
    """
    again = "Import it again: mfsearch data import nasbench201 SOURCE."
    try:
        held = json.loads((metadata or {})[_KEY])
        found = held["format"]
    except (KeyError, TypeError, ValueError):
        raise DataError(f"table {name!r} must have been written by mfsearch; its file says nothing of that. {again}") from None
    if found != version:
        raise DataError(f"table {name!r} must have format {version}; it has {found!r}. {again}")
    try:
        missing = tuple(Missing(m["what"], m["count"], tuple(m["first"])) for m in held.pop("missing"))
        datasets = {
            dataset: {split: {int(schedule): n for schedule, n in schedules.items()} for split, schedules in splits.items()}
            for dataset, splits in held.pop("datasets").items()
        }
        return About(**held, missing=missing, datasets=datasets)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"the description of table {name!r} must be whole; {error} is wrong. {again}") from error
