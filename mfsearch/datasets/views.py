"""Parts and variants of a data set: some of its classes, smaller pictures, greys, edges, quarter turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch.nn import functional

from mfsearch.datasets.arrays import Arrays, Labels, Pixels
from mfsearch.errors import DataError

VIEWS: Final = ("edges", "pieces", "turns")
_LUMA: Final = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601: what red, green and blue add to brightness


def of_classes(arrays: Arrays, classes: Sequence[int]) -> Arrays:
    """The pictures of some classes, which are numbered anew in the order they are given.

    Raises:
        DataError: If there are fewer than two, one comes twice, or one has no pictures.
    """
    if len(classes) < 2 or len(set(classes)) < len(classes) or not set(classes) <= set(range(arrays.classes)):
        raise DataError(
            f"classes must be two or more numbers from 0 to {arrays.classes - 1}, each once; got {list(classes)}. Change them in 'task: options:'."
        )
    number = np.full(arrays.classes, -1, dtype=np.int64)
    number[list(classes)] = np.arange(len(classes))

    def kept(images: Pixels, labels: Labels) -> tuple[Pixels, Labels]:
        wanted = number[labels] >= 0
        return images[wanted], number[labels[wanted]]

    train, train_labels = kept(arrays.train, arrays.train_labels)
    test, test_labels = kept(arrays.test, arrays.test_labels)
    if not len(train) or not len(test):
        raise DataError(
            f"{arrays.source} must have pictures of the classes {list(classes)} to train on and to test; it has none."
        )
    return replace(arrays, train=train, train_labels=train_labels, test=test, test_labels=test_labels)


def resized(arrays: Arrays, size: int) -> Arrays:
    """Pictures of size x size pixels, each the mean of the area that it covers.

    Raises:
        DataError: If that is less than 4, or more than the pictures have.
    """
    least = min(arrays.train.shape[1:3])
    if not 4 <= size <= least:
        raise DataError(f"size must be 4 to {least}, the pictures' own; got {size}. Change it in 'task: options:'.")

    def smaller(images: Pixels) -> Pixels:
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        means = functional.interpolate(pixels, (size, size), mode="area").round()
        return means.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()

    return replace(arrays, train=smaller(arrays.train), test=smaller(arrays.test))


def greyed(arrays: Arrays) -> Arrays:
    """Pictures of one channel: brightness for three, as they are for one.

    Raises:
        DataError: If the pictures have another number of channels.
    """
    channels = arrays.train.shape[-1]
    if channels == 1:
        return arrays
    if channels != len(_LUMA):
        raise DataError(f"grey must be made of pictures with 3 channels; {arrays.source} has {channels}. Leave 'grey' out.")

    def brightness(images: Pixels) -> Pixels:
        mixed: Pixels = np.rint(images @ _LUMA).astype(np.uint8)
        return mixed[..., None]

    return replace(arrays, train=brightness(arrays.train), test=brightness(arrays.test))


def viewed(arrays: Arrays, view: str) -> Arrays:
    """Another data set made of the same pictures.

    Args:
        arrays: The pictures.
        view: `edges`: in place of each channel how steep it is, by Sobel's filter. `pieces`: of the first picture of each class a piece is
            cut out of the middle, an eighth of its width away from it either way, and pasted somewhere into all pictures; which one
            it was is the class. `turns`: every picture turned by 0 to 3 quarters,
            which is its class instead of its own (Gidaris, Singh and Komodakis, "Unsupervised Representation Learning by Predicting
            Image Rotations", ICLR 2018); how often, is drawn, always the same.

    Raises:
        DataError: If the view is unknown, or turns are asked of pictures that are not square.
    """
    if view not in VIEWS:
        raise DataError(f"view must be one of {', '.join(VIEWS)}; got {view!r}. Change it in 'task: options:'.")
    if view == "edges":
        return replace(arrays, train=_edges(arrays.train), test=_edges(arrays.test))
    if view == "pieces":
        pieces = _cut(arrays)
        (train, train_labels), (test, test_labels) = (
            _pasted(part, pieces, seed) for seed, part in enumerate((arrays.train, arrays.test))
        )
        return replace(arrays, train=train, train_labels=train_labels, test=test, test_labels=test_labels)
    if arrays.train.shape[1] != arrays.train.shape[2]:
        raise DataError(
            f"pictures must be square to be turned; {arrays.source} has {arrays.train.shape[1:3]}. Give a 'size', or no 'view'."
        )
    (train, train_turns), (test, test_turns) = (_turned(part, seed) for seed, part in enumerate((arrays.train, arrays.test)))
    return replace(arrays, train=train, train_labels=train_turns, test=test, test_labels=test_turns)


def _edges(images: Pixels) -> Pixels:
    """Length of the gradient, a quarter of what Sobel's filter says, at most 255."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    n, channels, height, width = pixels.shape
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    padded = functional.pad(pixels.reshape(n * channels, 1, height, width), (1, 1, 1, 1), mode="replicate")
    slopes = functional.conv2d(padded, torch.stack([across, across.T])[:, None])
    steep = (slopes.norm(dim=1) / 4).round().clamp(max=255).reshape(n, channels, height, width)
    found: Pixels = steep.permute(0, 2, 3, 1).to(torch.uint8).contiguous().numpy()
    return found


def _turned(images: Pixels, seed: int) -> tuple[Pixels, Labels]:
    turns = np.random.default_rng(seed).integers(4, size=len(images))
    found = images.copy()
    for quarters in range(1, 4):
        found[turns == quarters] = np.rot90(images[turns == quarters], quarters, axes=(1, 2))
    return found, turns.astype(np.int64)


def _cut(arrays: Arrays) -> Pixels:
    """A piece of the first training picture of each class, a quarter of its sides long, from its middle."""
    height, width = arrays.train.shape[1:3]
    rows, columns = (slice(side // 2 - side // 8, side // 2 - side // 8 + side // 4) for side in (height, width))
    first = [int(np.argmax(arrays.train_labels == number)) for number in range(arrays.classes)]
    return arrays.train[first, rows, columns]


def _pasted(images: Pixels, pieces: Pixels, seed: int) -> tuple[Pixels, Labels]:
    rng = np.random.default_rng(seed)
    which = rng.integers(len(pieces), size=len(images))
    height, width = pieces.shape[1:3]
    top, left = (
        rng.integers(whole - part + 1, size=len(images)) for whole, part in zip(images.shape[1:3], (height, width), strict=True)
    )
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    found = images.copy()
    found[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]] = pieces[which]
    return found, which.astype(np.int64)
