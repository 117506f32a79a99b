"""Pictures as they lie in other people's files: whole numbers from 0 to 255, and nothing done to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mfsearch.errors import DataError

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Arrays:
    """A data set in its own split.

    Attributes:
        train: n x height x width x channels.
        train_labels: n, 0 to classes - 1.
        test: m x height x width x channels.
        test_labels: m.
        source: Where it was read, for messages.
    """

    train: Pixels
    train_labels: Labels
    test: Pixels
    test_labels: Labels
    source: Path

    def __post_init__(self) -> None:
        for split, images, labels in (("train", self.train, self.train_labels), ("test", self.test, self.test_labels)):
            if images.ndim != 4 or images.dtype != np.uint8 or labels.shape != (len(images),) or not len(images):
                raise DataError(
                    f"{self.source}: {split} pictures must be uint8, n x height x width x channels, with n labels, n at least 1; "
                    f"got {images.dtype} {images.shape} with {labels.shape}."
                )
            if labels.min() < 0:
                raise DataError(f"{self.source}: labels must be 0 or more; got {int(labels.min())} in {split}.")
        if self.train.shape[1:] != self.test.shape[1:]:
            raise DataError(
                f"{self.source}: train and test pictures must have one shape; got {self.train.shape[1:]} and {self.test.shape[1:]}."
            )

    @property
    def classes(self) -> int:
        """Number of classes: the largest label and one."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1


def labels_of(values: object, source: Path) -> Labels:
    """Labels from whatever a file holds.

    Raises:
        DataError: If they are not whole numbers in one row.
    """
    try:
        found = np.asarray(values)
    except ValueError:
        found = np.empty((0, 0))
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise DataError(f"{source}: labels must be whole numbers, one a picture; got {found.dtype} {found.shape}.")
    return found.astype(np.int64)
