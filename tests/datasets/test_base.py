import pytest
import torch

from mfsearch.datasets.base import ImageData
from mfsearch.errors import DataError


def data(**changes):
    tensors = {
        "train_images": torch.zeros(2, 5, 1, 4, 6),
        "train_labels": torch.zeros(2, 5, dtype=torch.int64),
        "val_images": torch.zeros(3, 1, 4, 6),
        "val_labels": torch.zeros(3, dtype=torch.int64),
        "test_images": torch.zeros(4, 1, 4, 6),
        "test_labels": torch.zeros(4, dtype=torch.int64),
    }
    return ImageData(**(tensors | changes), classes=10, key="k")


def test_shape():
    assert data().input_shape == (1, 4, 6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": torch.zeros(5, 1, 4, 6)}, "a training bank must have 5 axes .*; got 4."),
        ({"val_labels": torch.zeros(2)}, r"validation pictures and labels must be equally many; got \(3,\) and \(2,\)."),
        ({"test_images": torch.zeros(4, 1, 4, 4)}, r"test pictures must have shape \(1, 4, 6\) .*; got \(1, 4, 4\)."),
    ],
)
def test_what_does_not_fit_is_said(changes, message):
    with pytest.raises(DataError, match=message):
        data(**changes)
