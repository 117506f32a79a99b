import re
from pathlib import Path

import numpy as np
import pytest

from mfsearch.datasets.arrays import Arrays, labels_of
from mfsearch.errors import DataError

GOOD = np.zeros((2, 3, 3, 1), np.uint8)
LABELS = np.array([0, 4])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((GOOD.astype(float), LABELS, GOOD, LABELS), "train pictures must be uint8"),
        ((GOOD, LABELS, GOOD[0], LABELS), "test pictures must be uint8, n x height x width x channels"),
        ((GOOD, LABELS[:1], GOOD, LABELS), "with n labels, n at least 1; got uint8 (2, 3, 3, 1) with (1,)"),
        ((GOOD[:0], LABELS[:0], GOOD, LABELS), "n at least 1; got uint8 (0, 3, 3, 1)"),
        ((GOOD, LABELS - 1, GOOD, LABELS), "labels must be 0 or more; got -1 in train"),
        ((GOOD, LABELS, GOOD[:, :2], LABELS), "must have one shape; got (3, 3, 1) and (2, 3, 1)"),
    ],
)
def test_what_is_wrong_is_said(parts, message):
    with pytest.raises(DataError, match=re.escape(message)):
        Arrays(parts[0], parts[1], parts[2], parts[3], Path("somewhere"))
    assert Arrays(GOOD, LABELS, GOOD, LABELS, Path("somewhere")).classes == 5


@pytest.mark.parametrize("values", [["a", "b"], [[1], [2, 3]], [0.5, 1.0], [[1, 2]]])
def test_labels_are_whole_numbers_in_a_row(values):
    with pytest.raises(DataError, match="labels must be whole numbers, one a picture"):
        labels_of(values, Path("somewhere"))
