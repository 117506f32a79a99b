"""The pictures: where they come from, that nothing leaks, and that the cache gives back what was drawn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from mfsearch.datasets import DATASETS
from mfsearch.datasets.digits import cluttered_digits, digits_recipe, fresh_test
from mfsearch.errors import DataError

SMALL: dict[str, Any] = {"epochs": 2, "train": 64, "val": 450, "test": 400}
PLAIN: dict[str, Any] = SMALL | {
    "size": 8,
    "rotation": 0.0,
    "scale": [1, 1],
    "extent": 1.0,
    "shift": 0.0,
    "shear": 0.0,
    "patches": 0,
    "noise": 0.0,
}


def tensors(data):
    return [getattr(data, f"{split}_{what}") for split in ("train", "val", "test") for what in ("images", "labels")]


def test_shapes_and_types():
    data = cluttered_digits(**SMALL)
    assert data.train_images.shape == (2, 64, 1, 16, 16)
    assert data.val_images.shape == (450, 1, 16, 16) and data.test_images.shape == (400, 1, 16, 16)
    assert data.train_images.dtype == torch.float32 and data.val_labels.dtype == torch.int64
    assert data.classes == 10 and data.input_shape == (1, 16, 16)
    assert all(torch.isfinite(t).all() for t in tensors(data))


def test_undistorted_pictures_are_the_digits_and_no_split_shares_one():
    """With every distortion switched off a picture is the digit itself, which shows the split, and the labels."""
    data = cluttered_digits(**(PLAIN | {"train": 1000, "val": 400, "test": 397, "epochs": 1}))
    source = load_digits()
    label_of = {
        (image / 16).astype(np.float32).tobytes(): label for image, label in zip(source.images, source.target, strict=True)
    }
    seen = []
    for images, labels in (
        (data.train_images[0], data.train_labels[0]),
        (data.val_images, data.val_labels),
        (data.test_images, data.test_labels),
    ):
        keys = [(image * 16).round().div(16).numpy().tobytes() for image in images[:, 0]]
        assert [label_of[key] for key in keys] == labels.tolist()
        seen.append(set(keys))
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert sum(map(len, seen)) == len(label_of)


def test_clutter_comes_from_the_own_split():
    """Pieces are digits' own pixels: each 2x2 piece of a picture without digits is found in its split."""
    recipe: dict[str, Any] = PLAIN | {"patches": 1, "patch": 8, "train": 32, "epochs": 1, "val": 32, "test": 32, "shift": 4.0}
    data = cluttered_digits(**recipe)
    plain = cluttered_digits(**(PLAIN | {"train": 1000, "epochs": 1, "val": 400, "test": 397}))
    own = {image.mul(16).round().numpy().tobytes() for image in plain.test_images[:, 0]}
    pieces = {image.mul(16).round().numpy().tobytes() for image in data.test_images[:, 0]}
    assert len(pieces & own) >= 16  # the others overlap what is left of the shifted digit


def test_same_seed_same_pictures_and_parts_are_independent():
    one, two = cluttered_digits(3, **SMALL), cluttered_digits(3, **(SMALL | {"epochs": 3}))
    assert torch.equal(one.train_images, two.train_images[:2])
    assert torch.equal(one.test_images, two.test_images)
    assert not torch.equal(one.val_images, cluttered_digits(4, **SMALL).val_images)
    assert not torch.equal(one.train_images[0], one.train_images[1])


def test_every_digit_comes_as_often_as_any_other():
    labels = cluttered_digits(**(PLAIN | {"val": 800})).val_labels
    assert torch.equal(labels[:400].bincount(), labels[400:].bincount())


def test_cache_gives_back_what_was_drawn(tmp_path: Path):
    drawn = cluttered_digits(1, tmp_path, **SMALL)
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    again = cluttered_digits(1, tmp_path, **SMALL)
    assert path.stat().st_mtime_ns == before
    assert all(torch.equal(a, b) for a, b in zip(tensors(drawn), tensors(again), strict=True))
    assert again.key == drawn.key != cluttered_digits(2, **SMALL).key
    path.write_bytes(b"damaged")
    mended = cluttered_digits(1, tmp_path, **SMALL)
    assert torch.equal(mended.test_images, drawn.test_images)


def test_fresh_pictures_are_others_of_the_same_digits():
    recipe = digits_recipe(0, **PLAIN)
    images, _ = fresh_test(recipe, draw=1, count=397)
    data = cluttered_digits(**(PLAIN | {"test": 397}))
    rows = lambda t: {row.tobytes() for row in t.flatten(1).numpy()}  # noqa: E731
    assert rows(images) == rows(data.test_images)
    assert not torch.equal(images, data.test_images)
    noisy = digits_recipe(0, **SMALL)
    assert fresh_test(noisy, 1)[0].shape == (400, 1, 16, 16)
    assert not torch.equal(fresh_test(noisy, 1)[0], fresh_test(noisy, 2)[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "settings of the digits must be among seed, .*; got epoch."),
        ({"train": 1001}, "training pictures an epoch must be 1 to 1000, .*; got 1001."),
        ({"patch": 9}, "a patch must be 0 to 8 pixels, .*; got 9."),
    ],
)
def test_what_is_wrong_is_said(settings, message):
    with pytest.raises(DataError, match=message):
        cluttered_digits(**settings)


def test_draw_zero_is_refused():
    with pytest.raises(DataError, match="a fresh draw must be numbered 1 or more; got 0"):
        fresh_test(digits_recipe(), 0)


def test_registered():
    assert DATASETS["digits"] is cluttered_digits
