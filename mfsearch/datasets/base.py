"""What a set of image data is: tensors, split, and nothing to download or decode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mfsearch.datasets.distortion import Distortion
from mfsearch.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageData:
    """Pictures with their labels, in three splits that share no source picture.

    Training pictures come as a bank of E epochs, each distorted anew when the bank was made; epoch e of a training run uses
    entry e modulo E. Data without distortions have a bank of one epoch.

    Attributes:
        train_images: E x n x channels x height x width, float32.
        train_labels: E x n, int64.
        val_images: m x channels x height x width, float32.
        val_labels: m, int64.
        test_images: Like the validation pictures. No search may look at them.
        test_labels: m, int64.
        classes: Number of classes.
        distortion: What is done to the bank's pictures in every epoch of training; None where they are distorted already, or not
            at all.
        key: Hash of the recipe that made them: what was learnt from data of the same key can be used again.
    """

    train_images: Tensor
    train_labels: Tensor
    val_images: Tensor
    val_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: int
    key: str
    distortion: Distortion | None = None

    def __post_init__(self) -> None:
        if self.train_images.dim() != 5:
            raise DataError(
                f"a training bank must have 5 axes (epochs, n, channels, height, width); got {self.train_images.dim()}. Add the missing axis."
            )
        for split, images, labels in (
            ("train", self.train_images, self.train_labels),
            ("validation", self.val_images, self.val_labels),
            ("test", self.test_images, self.test_labels),
        ):
            if images.shape[:-3] != labels.shape:
                raise DataError(
                    f"{split} pictures and labels must be equally many; got {tuple(images.shape[:-3])} and {tuple(labels.shape)}. Make the data anew."
                )
            if tuple(images.shape[-3:]) != self.input_shape:
                raise DataError(
                    f"{split} pictures must have shape {self.input_shape} as in training; got {tuple(images.shape[-3:])}. Make the data anew."
                )

    def to(self, device: str) -> ImageData:
        """The same on a torch device; itself where it is there."""
        if self.train_images.device == torch.device(device):
            return self
        tensors: dict[str, Any] = {name: value.to(device) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.train_images.shape[2:]
        return channels, height, width
