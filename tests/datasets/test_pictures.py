"""Split, scaling and distortions of a user's own pictures."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from mfsearch.datasets import DATASETS
from mfsearch.datasets.pictures import pictures
from mfsearch.errors import DataError

DATA = os.environ.get("MFSEARCH_DATA")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every picture has a colour of its own: its number, in red; green is 1 or 2, blue always 7."""
    numbers = np.arange(60)
    images = np.zeros((60, 6, 6, 3), np.uint8)
    images[..., 0], images[..., 1], images[..., 2] = numbers[:, None, None], 1, 7
    images[:, :, :3, 1] = 2  # the left half
    file = tmp_path_factory.mktemp("data") / "set.npz"
    np.savez(file, x_train=images[:50], y_train=numbers[:50] % 5, x_test=images[50:], y_test=numbers[50:] % 5)
    return file


def test_splits_share_no_picture_and_every_picture_has_its_label(path: Path):
    data = pictures(path, seed=3, train=30, val=15, epochs=2)
    plain = pictures(path, seed=3, train=30, val=15, epochs=1, crop=0, flip=False)
    assert data.train_images.shape == (2, 30, 3, 6, 6) and data.val_images.shape == (15, 3, 6, 6)
    assert data.test_images.shape == (10, 3, 6, 6) and data.classes == 5
    assert torch.equal(data.train_labels[0], data.train_labels[1]) and torch.equal(data.train_labels[0], plain.train_labels[0])
    reds = torch.cat([plain.train_images[0, :, 0, 0, 0], plain.val_images[:, 0, 0, 0], plain.test_images[:, 0, 0, 0]])
    labels = torch.cat([plain.train_labels[0], plain.val_labels, plain.test_labels])
    # Scaled reds are numbers up to shift and step: the ten test pictures are 50 to 59, in order.
    step = (reds[-1] - reds[-10]) / 9
    numbers = ((reds - reds[-10]) / step + 50).round().int()
    assert len(set(numbers.tolist())) == 55
    assert torch.equal(numbers % 5, labels.int())
    assert max(numbers[:45].tolist()) < 50 and numbers[45:].tolist() == list(range(50, 60))


def test_pixels_are_standardised_over_the_pictures_that_are_trained_on(path: Path):
    data = pictures(path, epochs=1, crop=0, flip=False)
    assert data.train_images.shape[1] == 45  # a tenth is held out
    pixels = data.train_images[0].double()
    assert pixels[:, :2].mean((0, 2, 3)).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert pixels[:, :2].std((0, 2, 3), correction=0).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert not pixels[:, 2].any()  # a constant channel stays finite


def test_windows_and_mirrors(path: Path):
    """Each distorted picture is a window of its padded self, mirrored or not: all are tried."""
    plain = pictures(path, epochs=1, crop=0, flip=False).train_images[0]
    bank = pictures(path, epochs=3, crop=2).train_images
    border = pictures(path, epochs=1, crop=6, flip=False).train_images[0].amin((0, 2, 3))
    seen = set()
    for epoch in bank:
        for own, other in zip(plain[:20], epoch[:20], strict=True):
            padded = border.view(-1, 1, 1).expand(3, 10, 10).clone()
            padded[:, 2:8, 2:8] = own
            found = [
                (mirror, top, left)
                for mirror in (False, True)
                for top in range(5)
                for left in range(5)
                if torch.allclose((turned(padded) if mirror else padded)[:, top : top + 6, left : left + 6], other, atol=1e-5)
            ]
            assert found
            seen.add(found[0])
    assert len(seen) > 15 and not torch.equal(bank[0], bank[1])


def turned(padded):
    inner = padded.clone()
    inner[:, 2:8, 2:8] = padded[:, 2:8, 2:8].flip(2)
    return inner


def test_without_a_bank_pictures_are_distorted_as_they_are_used(path: Path):
    """The plain pictures once, and how they are to be moved."""
    live, kept = pictures(path, crop=2, epochs=0), pictures(path, crop=2, epochs=1)
    plain = pictures(path, crop=0, flip=False, epochs=1)
    assert torch.equal(live.train_images, plain.train_images) and kept.distortion is None
    assert live.distortion is not None and live.key != kept.key
    # The same draw gives what a bank's first epoch holds.
    assert torch.equal(live.distortion(live.train_images[0], np.random.default_rng([0, 2, 0])), kept.train_images[0])


def test_the_seed_decides(path: Path):
    one, same, other = (pictures(path, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.train_images, same.train_images) and one.key == same.key
    assert not torch.equal(one.train_labels, other.train_labels) and one.key != other.key
    assert one.key != pictures(path, seed=1, crop=3).key


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"val": 30, "train": 21},
            "has 50 training and 10 test pictures; asked for are 21 to train on, 30 to validate on and 10 to test",
        ),
        ({"test": 11}, "asked for are 45 to train on, 5 to validate on and 11 to test"),
        ({"epochs": -1}, "epochs must be 0 or more; got -1"),
        ({"val": 50}, "train must be 1 or more; got 0"),
        ({"crop": -1}, "crop must be 0 or more; got -1"),
        ({"epochs": 10**6}, "a training bank must fit into 8 GiB; 1000000 epochs of 45 pictures take 18"),
    ],
)
def test_what_is_wrong_is_said(path: Path, settings, message):
    with pytest.raises(DataError, match=message):
        pictures(path, **settings)


@pytest.mark.skipif(DATA is None, reason="needs MFSEARCH_DATA")
def test_a_network_learns_from_real_ones():
    """Better than chance by far after one epoch of a small subset, on pictures it never saw."""
    from mfsearch.distillation.trainer import TrainingRecipe, evaluate, train
    from mfsearch.networks.nasbench201 import NASBench201Network

    assert DATA is not None
    data = DATASETS["pictures"](path=str(Path(DATA) / "cifar10_jpeg_5000_1000.npz"), train=2000, val=500, test=500, epochs=1)
    torch.manual_seed(0)
    model = NASBench201Network(("nor_conv_3x3",) * 6, 3, 10, 4, 1, "light")
    train(model, data, TrainingRecipe(epochs=2, batch=64), 0)
    assert evaluate(model, data.test_images, data.test_labels) > 20


def test_a_part_of_the_data_is_other_data(path: Path):
    part = pictures(path, epochs=1, val=4, classes=[4, 0], size=4, grey=True)
    assert part.train_images.shape == (1, 16, 1, 4, 4) and part.test_images.shape == (4, 1, 4, 4) and part.classes == 2
    assert sorted(part.test_labels.tolist()) == [0, 0, 1, 1]
    whole = pictures(path, epochs=1, val=4)
    assert len({part.key, whole.key, pictures(path, epochs=1, val=4, classes=[4, 0], size=4).key}) == 3


def test_a_view_is_other_data(path: Path):
    plain, turned = (pictures(path, epochs=1, val=4, flip=False, crop=0, view=view) for view in (None, "turns"))
    assert turned.classes == 4 and turned.key != plain.key and turned.train_images.shape == plain.train_images.shape
    back = torch.stack(
        [torch.rot90(one, -int(k), (1, 2)) for one, k in zip(turned.train_images[0], turned.train_labels[0], strict=True)]
    )
    assert torch.allclose(back, plain.train_images[0], atol=1e-5)


def test_files_that_change_are_read_again(path: Path):
    before = pictures(path, epochs=1).key
    with np.load(path) as held:
        arrays = dict(held)
    np.savez(path, **{**arrays, "x_train": arrays["x_train"][::-1]})
    assert pictures(path, epochs=1).key != before
