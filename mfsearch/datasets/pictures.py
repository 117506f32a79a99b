"""A user's own pictures: read from local files, split by a seed, distorted as is usual for pictures this small."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mfsearch.datasets.arrays import Arrays, Labels, Pixels
from mfsearch.datasets.base import ImageData
from mfsearch.datasets.distortion import Distortion
from mfsearch.datasets.readers import read_arrays
from mfsearch.datasets.views import greyed, of_classes, resized, viewed
from mfsearch.errors import DataError

REVISION: Final = 1  # part of the key: raised when the same settings make other data
_MOST: Final = 8 << 30  # bytes of a training bank


def pictures(
    path: str | Path,
    folder: Path | None = None,
    seed: int = 0,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    epochs: int = 4,
    crop: int = 4,
    flip: bool = True,
    classes: Sequence[int] | None = None,
    size: int | None = None,
    grey: bool = False,
    view: str | None = None,
) -> ImageData:
    """Data from a local file or folder (`readers.FORMS`).

    Validation pictures are taken from the data set's own training set, at random by the seed, and never trained on. Pixels are
    scaled to mean 0 and variance 1 a channel over the training pictures that are used.

    Args:
        path: The file or folder.
        folder: Cache folder; not used, reading is quick.
        seed: Seed of split and distortions.
        train: Training pictures; None: all that validation leaves.
        val: Validation pictures; None: a tenth of the data set's training set.
        test: Test pictures; None: all.
        epochs: Distorted epochs in the bank, made once; later epochs of a training run use them again. 0 distorts anew in every
            epoch, on the device, which suits a GPU: what a teacher says is then asked at every step.
        crop: Pixels of black border from which a random window of the picture's size is cut; 0 for none.
        flip: Whether every second picture is mirrored, at random.
        classes: Numbers of the classes that are used, which are numbered anew in this order; None: all.
        size: Side to which pictures are brought down; None: as they are.
        grey: Whether three channels become one.
        view: Another data set made of these pictures, one of `views.VIEWS`; made after the others, of the smaller and grey ones. Leave
            mirrors out where it is `turns`: a mirrored quarter turn looks like the opposite one.

    Raises:
        DataError: If the data cannot be read, or hold fewer pictures than are asked for.
    """
    source = Path(path).expanduser()
    arrays = _read(source, _stamp(source))
    arrays = arrays if classes is None else of_classes(arrays, classes)
    arrays = arrays if size is None else resized(arrays, size)
    arrays = greyed(arrays) if grey else arrays
    arrays = arrays if view is None else viewed(arrays, view)
    val = max(1, len(arrays.train) // 10) if val is None else val
    train = len(arrays.train) - val if train is None else train
    test = len(arrays.test) if test is None else test
    _check(arrays, train, val, test, epochs, crop)
    order = np.random.default_rng([seed, 0]).permutation(len(arrays.train))
    held_out, used = order[:val], order[val : val + train]
    tested = np.sort(np.random.default_rng([seed, 1]).permutation(len(arrays.test))[:test])
    mean, deviation = _moments(arrays.train[used])

    def ready(images: Pixels) -> Tensor:
        scaled = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - mean) / deviation
        return scaled.contiguous()

    plain = ready(arrays.train[used])
    border = (torch.zeros_like(mean) - mean) / deviation  # black, where the border is
    distortion = Distortion(crop, flip, border)
    bank = torch.stack([distortion(plain, np.random.default_rng([seed, 2, epoch])) for epoch in range(epochs)] or [plain])
    labels = torch.from_numpy(arrays.train_labels)
    return ImageData(
        train_images=bank,
        train_labels=labels[torch.from_numpy(used)].expand(max(1, epochs), -1).contiguous(),
        val_images=ready(arrays.train[held_out]),
        val_labels=labels[torch.from_numpy(held_out)],
        test_images=ready(arrays.test[tested]),
        test_labels=torch.from_numpy(arrays.test_labels)[torch.from_numpy(tested)],
        classes=arrays.classes,
        distortion=None if epochs else distortion,
        key=_key(arrays, seed=seed, train=train, val=val, test=test, epochs=epochs, crop=crop, flip=flip),
    )


@functools.lru_cache(maxsize=1)
def _read(path: Path, stamp: tuple[tuple[str, int, int], ...]) -> Arrays:
    """Many tasks are parts of one data set, and pictures that must be decoded take longer than all that is done with them here."""
    return read_arrays(path)


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file does."""
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)


def _check(arrays: Arrays, train: int, val: int, test: int, epochs: int, crop: int) -> None:
    for name, count in (("train", train), ("val", val), ("test", test)):
        if count < 1:
            raise DataError(f"{name} must be 1 or more; got {count}. Change it in 'task: options:'.")
    for name, count in (("crop", crop), ("epochs", epochs)):
        if count < 0:
            raise DataError(f"{name} must be 0 or more; got {count}. Change it in 'task: options:'.")
    if train + val > len(arrays.train) or test > len(arrays.test):
        raise DataError(
            f"{arrays.source} has {len(arrays.train):,} training and {len(arrays.test):,} test pictures; asked for are {train:,} to train on, "
            f"{val:,} to validate on and {test:,} to test. Ask for fewer."
        )
    if (size := 4 * max(1, epochs) * train * arrays.train[0].size) > _MOST:
        raise DataError(
            f"a training bank must fit into {_MOST >> 30} GiB; {epochs} epochs of {train:,} pictures take {size / (1 << 30):.0f}. "
            "Lower 'epochs' or 'train'."
        )


def _moments(images: Pixels) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation a channel, channels x 1 x 1; exact, from the counts of the 256 values."""
    found = []
    for channel in range(images.shape[-1]):
        counts = np.bincount(images[..., channel].ravel(), minlength=256)
        values = np.arange(256) / 255
        mean = float(counts @ values) / counts.sum()
        found.append((mean, float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum())) or 1.0))
    mean, deviation = torch.tensor(found, dtype=torch.float32).T
    return mean.view(-1, 1, 1), deviation.view(-1, 1, 1)


def _key(arrays: Arrays, **settings: int | bool) -> str:
    digest = hashlib.sha256(json.dumps({"revision": REVISION, **settings}, sort_keys=True).encode())
    parts: tuple[Pixels | Labels, ...] = (arrays.train, arrays.train_labels, arrays.test, arrays.test_labels)
    for part in parts:
        digest.update(str(part.shape).encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()[:16]
