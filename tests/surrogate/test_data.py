import pytest
import torch

from mfsearch.errors import DataError
from mfsearch.records import InputLayout
from mfsearch.surrogate.data import InputBlocks, TrainingData


def test_blocks_follow_the_encoding_with_scores_and_indicators():
    layout = InputLayout(numeric=(0, 3), categorical=((1, 2), (4, 5, 6)), structure=((7,), (8, 9)))
    blocks = InputBlocks.from_layout(layout, trusted=(True, False, True), indicators=2, sizes=1)
    assert blocks.numeric == (0, 3) and blocks.categorical == ((1, 2), (4, 5, 6)) and blocks.structure == ((7,), (8, 9))
    assert blocks.scores == (10, 11, 12) and blocks.missing == (13, 14) and blocks.trusted == (10, 12)
    assert blocks.capacity == (15,) and blocks.width == 16


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({}, r"input columns must be 0, 1, 2, ... and each of one kind; got \[\]"),
        ({"numeric": (0, 1), "scores": (1,)}, r"got \[0, 1, 1\]"),
        ({"numeric": (0, 2)}, r"got \[0, 2\]"),
        ({"structure": ((0, 1),)}, "structure columns say what all levels have in common; got no others"),
        ({"numeric": (0,), "scores": (1,), "trusted": (0,)}, r"trusted columns must be score columns; got \[0\]"),
    ],
)
def test_blocks_that_cannot_be(kwargs, message):
    with pytest.raises(DataError, match=message):
        InputBlocks(**kwargs)


def f64(*rows):
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(
    ("X", "y", "yvar", "message"),
    [
        (f64([0.1, 0]), f64([1.0], [2.0]), None, r"got X \(1, 2\), y \(2, 1\)"),
        (f64([0.1, 0]), f64(1.0), None, r"got X \(1, 2\), y \(1,\)"),
        (f64([0.1, 0]), f64([1.0]), f64([1.0, 1.0]), r"yvar \(1, 2\)"),
        (f64([0.1, 0]).float(), f64([1.0]), None, r"must be float64; got torch.float32, torch.float64"),
        (f64([0.1, 0], [0.2, 0]), f64([1.0], [float("nan")]), None, r"NaN or infinity in rows \[1\]"),
        (f64([0.1, 0.5]), f64([1.0]), None, r"must hold levels 0, 1, 2, ...; got \[0.5\]"),
        (f64([0.1, -1]), f64([1.0]), None, r"got \[-1.0\]"),
        (f64([0.1, 0]), f64([1.0]), f64([-1.0]), r"noise variances must be finite and not negative"),
    ],
)
def test_data_that_cannot_be(X, y, yvar, message):
    with pytest.raises(DataError, match=message):
        TrainingData(X, y, yvar)


def test_sorting_by_level_keeps_rows_together_and_their_order():
    data = TrainingData(f64([0.1, 1], [0.2, 0], [0.3, 1], [0.4, 0]), f64([1], [2], [3], [4]), f64([1], [float("nan")], [3], [4]))
    ordered = data.by_level()
    assert ordered.y[:, 0].tolist() == [2, 4, 1, 3] and ordered.X[:, 0].tolist() == [0.2, 0.4, 0.1, 0.3]
    assert ordered.levels.tolist() == [0, 0, 1, 1] and ordered.yvar is not None and ordered.yvar[3, 0] == 3
    assert data.every(2).y[:, 0].tolist() == [1, 3] and len(data.every(3)) == 2
