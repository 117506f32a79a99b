"""What the surrogate is given: observations as tensors, and what each input column means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mfsearch.errors import DataError
from mfsearch.records import InputLayout


@dataclass(frozen=True)
class InputBlocks:
    """Which of the d input columns is what. The level is no input: it is the column after them, d.

    Attributes:
        numeric: Columns of the space's encoding in [0, 1] where distance means something.
        categorical: One-hot groups of the space's encoding, one group a choice.
        structure: Groups of columns of the space's encoding that count what an architecture is made of.
        scores: Columns with the normal scores of the score rungs.
        missing: Indicator columns, 1 where a score is missing (and the score itself 0).
        trusted: Those of `scores` of which more is known to be better: the mean may rise with them.
        capacity: Columns that measure size: larger networks gain more from longer training. Only the mean knows of them.
        outlook: Column with what the lowest level is expected to say, in the unit of y; the last one. None: there is none.
    """

    numeric: tuple[int, ...] = ()
    categorical: tuple[tuple[int, ...], ...] = ()
    structure: tuple[tuple[int, ...], ...] = ()
    scores: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    trusted: tuple[int, ...] = ()
    capacity: tuple[int, ...] = ()
    outlook: int | None = None

    def __post_init__(self) -> None:
        outlook = () if self.outlook is None else (self.outlook,)
        choices = (column for group in (*self.categorical, *self.structure) for column in group)
        used = sorted((*self.numeric, *choices, *self.scores, *self.missing, *self.capacity, *outlook))
        if not used or used != list(range(len(used))):
            raise DataError(
                f"input columns must be 0, 1, 2, ... and each of one kind; got {used}. Build them with InputBlocks.from_layout."
            )
        if self.structure and not (self.numeric or self.categorical or self.scores):
            raise DataError("structure columns say what all levels have in common; got no others, which say how they differ.")
        if stray := sorted(set(self.trusted) - set(self.scores)):
            raise DataError(f"trusted columns must be score columns; got {stray} with scores in columns {list(self.scores)}.")

    @classmethod
    def from_layout(cls, layout: InputLayout, trusted: Sequence[bool] = (), indicators: int = 0, sizes: int = 0) -> InputBlocks:
        """Columns in the order encoding, scores, missing-indicators, sizes.

        Args:
            layout: Layout of the space's encoding.
            trusted: One entry a score column: whether more of it is known to be better.
            indicators: Number of missing-indicator columns (one a score column, or one a score rung: whatever is of use).
            sizes: Number of columns that measure size.
        """
        first = layout.width
        scores = tuple(range(first, first + len(trusted)))
        behind = first + len(trusted) + indicators
        return cls(
            numeric=layout.numeric,
            categorical=layout.categorical,
            structure=layout.structure,
            scores=scores,
            missing=tuple(range(first + len(trusted), behind)),
            trusted=tuple(column for column, rises in zip(scores, trusted, strict=True) if rises),
            capacity=tuple(range(behind, behind + sizes)),
        )

    @property
    def width(self) -> int:
        """Number d of input columns, the level not counted."""
        choices = sum(map(len, (*self.categorical, *self.structure)))
        return (
            len(self.numeric) + choices + len(self.scores) + len(self.missing) + len(self.capacity) + (self.outlook is not None)
        )

    def with_outlook(self) -> InputBlocks:
        """The same columns and one more behind them, for what the lowest level is expected to say."""
        return replace(self, outlook=self.width)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Observations at several levels; data need not be nested.

    Attributes:
        X: n x (d+1), float64; the last column is the level, an integer.
        y: n x 1, float64, warped and scaled (`mfsearch.surrogate.warp`); more is better.
        yvar: n x 1 variances of the noise in the unit of y squared; NaN where unknown. None: all unknown, so learned.

    Raises:
        DataError: If shapes, dtype or values do not fit; the message gives the shapes.
    """

    X: Tensor
    y: Tensor
    yvar: Tensor | None = None

    def __post_init__(self) -> None:
        shapes = f"X {tuple(self.X.shape)}, y {tuple(self.y.shape)}" + (
            "" if self.yvar is None else f", yvar {tuple(self.yvar.shape)}"
        )
        columns = [self.y] if self.yvar is None else [self.y, self.yvar]
        if self.X.ndim != 2 or self.X.shape[1] < 2 or any(column.shape != (len(self.X), 1) for column in columns):
            raise DataError(f"training data must be X (n, d+1), y (n, 1) and yvar (n, 1) or None; got {shapes}.")
        if any(tensor.dtype != torch.float64 for tensor in (self.X, *columns)):
            found = ", ".join(str(tensor.dtype) for tensor in (self.X, *columns))
            raise DataError(f"training data must be float64; got {found}. Call .double() on it.")
        if not (torch.isfinite(self.X).all() and torch.isfinite(self.y).all()):
            rows = torch.nonzero(~(torch.isfinite(self.X).all(1) & torch.isfinite(self.y[:, 0])))[:5, 0].tolist()
            raise DataError(f"training data must be finite; got NaN or infinity in rows {rows} of {shapes}. Leave failures out.")
        if self.yvar is not None and bool((self.yvar < 0).any() | torch.isinf(self.yvar).any()):
            raise DataError(f"noise variances must be finite and not negative, or NaN where unknown; got {shapes}.")
        levels = self.X[:, -1]
        if bool((levels != levels.round()).any() | (levels < 0).any()):
            raise DataError(
                f"the last column of X must hold levels 0, 1, 2, ...; got {sorted(set(levels.tolist()))[:9]} in {shapes}."
            )

    def __len__(self) -> int:
        return len(self.X)

    @property
    def levels(self) -> Tensor:
        """Level of each observation, n, int64."""
        return self.X[:, -1].long()

    def every(self, stride: int) -> TrainingData:
        """Each stride-th observation."""
        return self._rows(slice(None, None, stride))

    def by_level(self) -> TrainingData:
        """The same observations sorted by level (stable): the kernel then works on contiguous blocks."""
        return self._rows(torch.sort(self.levels, stable=True).indices)

    def lowest(self) -> TrainingData:
        """The observations of level 0."""
        return self._rows(self.levels == 0)

    def _rows(self, index: slice | Tensor) -> TrainingData:
        return TrainingData(self.X[index], self.y[index], None if self.yvar is None else self.yvar[index])
