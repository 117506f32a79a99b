"""A finite list of architectures with a given encoding: what somebody has measured."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, InputLayout
from mfsearch.spaces.base import AbstractSearchSpace

_NEIGHBOURS = 8
_SHOWN = 3


class TableSpace(AbstractSearchSpace):
    """The rows of a table. The genotype is the key alone; columns of the encoding are scaled to [0, 1] by their range.

    Args:
        name: Name of the space.
        rows: Key -> d figures that describe the row.

    Raises:
        SpaceError: If there is no row, rows differ in length, or a figure is not finite.
    """

    def __init__(self, name: str, rows: Mapping[str, Sequence[float]]) -> None:
        self.name = name
        if not rows:
            raise SpaceError(f"a table must have at least one row; got none for space {name!r}. Check the file it was read from.")
        widths = {len(row) for row in rows.values()}
        if len(widths) > 1 or 0 in widths:
            raise SpaceError(
                f"rows of a table must have equal, positive lengths; got {sorted(widths)} for space {name!r}. Mend the rows."
            )
        figures = np.array(list(rows.values()), dtype=np.float64)
        if not np.isfinite(figures).all():
            key = list(rows)[int(np.argmin(np.isfinite(figures).all(1)))]
            raise SpaceError(
                f"figures of a table must be finite; got {list(rows[key])} for row {key!r}. Drop the row, or mend it."
            )
        low, span = figures.min(0), np.ptp(figures, axis=0)
        self._encodings = np.divide(figures - low, span, out=np.zeros_like(figures), where=span > 0)
        self._architectures = [Architecture(name, (key,), key) for key in rows]
        self._row = {key: row for row, key in enumerate(rows)}

    @property
    def layout(self) -> InputLayout:
        """All columns are numeric."""
        return InputLayout(numeric=tuple(range(self._encodings.shape[1])))

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n rows uniformly, with replacement."""
        return [self._architectures[row] for row in rng.integers(len(self._architectures), size=n)]

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The 8 rows nearest by encoding, nearest first; the table's order decides between equals."""
        own = self._index(architecture.key)
        distances = np.linalg.norm(self._encodings - self._encodings[own], axis=1)
        nearest = [int(row) for row in np.argsort(distances, kind="stable") if row != own]
        return [self._architectures[row] for row in nearest[:_NEIGHBOURS]]

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """The rows' figures, scaled."""
        rows: NDArray[np.float64] = self._encodings[[self._index(architecture.key) for architecture in architectures]]
        return rows.reshape(len(architectures), self._encodings.shape[1])

    def parse(self, text: str) -> Architecture:
        """The row with this key."""
        return self._architectures[self._index(text)]

    def enumerate(self) -> list[Architecture]:
        """All rows, in the table's order."""
        return list(self._architectures)

    def _index(self, key: str) -> int:
        try:
            return self._row[key]
        except KeyError:
            close = difflib.get_close_matches(key, self._row, n=1)
            hint = (
                f"Did you mean {close[0]!r}?"
                if close
                else f"The first keys are {', '.join(map(repr, list(self._row)[:_SHOWN]))}."
            )
            raise SpaceError(f"an architecture of {self.name!r} must be a row of its table; got {key!r}. {hint}") from None
