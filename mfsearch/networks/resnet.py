"""Residual networks whose every block has a width of its own, as DaSS searches them.

A 3x3 stem, four stages of basic blocks (He et al., CVPR 2016), and a linear classifier. All but the first stage begin with stride 2.
Shortcuts have no parameters: where a block changes the picture's size its input is pooled, channels that are missing are zero, and
those that the block has no room for are left out.

Source: Lee, An, Kim and Hwang, "Meta-prediction Model for Distillation-Aware NAS on Unseen Datasets", ICLR 2023 (arXiv 2305.16948).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from mfsearch.errors import SpaceError
from mfsearch.networks.base import AbstractFeatureNetwork

STAGES: Final = 4


def check_widths(widths: Sequence[Sequence[int]]) -> None:
    """Check that these are four stages of at least one block, each with at least one channel.

    Raises:
        SpaceError: If they are not.
    """
    if len(widths) != STAGES or not all(len(stage) and min(stage) > 0 for stage in widths):
        raise SpaceError(
            f"widths of a residual network must be {STAGES} stages of one or more blocks of one or more channels; got {list(map(list, widths))}. "
            "Name the channels of every block, such as [[32], [64, 64], [128], [256]]."
        )


class ResNet(AbstractFeatureNetwork):
    """Stem, four stages of basic blocks, global mean, classifier.

    Args:
        widths: Channels of each block, stage by stage.
        in_channels: Channels of the pictures.
        classes: Number of classes.
        stem: Channels of the stem.

    Attributes:
        widths: As given.

    Raises:
        SpaceError: If the widths are no four stages of blocks.
    """

    def __init__(self, widths: Sequence[Sequence[int]], in_channels: int, classes: int, stem: int = 32) -> None:
        super().__init__()
        check_widths(widths)
        self.widths = tuple(tuple(stage) for stage in widths)
        self.stem = nn.Sequential(nn.Conv2d(in_channels, stem, 3, padding=1, bias=False), nn.BatchNorm2d(stem), nn.ReLU())
        self.stages = nn.ModuleList()
        incoming = stem
        for number, stage in enumerate(widths):
            blocks = []
            for place, width in enumerate(stage):
                blocks.append(BasicBlock(incoming, width, 2 if number and not place else 1))
                incoming = width
            self.stages.append(nn.Sequential(*blocks))
        self.classifier = nn.Linear(incoming, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, n x classes, of images n x channels x height x width."""
        return self.forward_features(images)[-1]

    def forward_features(self, images: Tensor) -> list[Tensor]:
        """Stem output, every stage's output in order, pooled vector, logits: networks of other depths have as many."""
        features: list[Tensor] = [self.stem(images)]
        for stage in self.stages:
            features.append(stage(features[-1]))
        features.append(features[-1].mean((2, 3)))
        features.append(self.classifier(features[-1]))
        return features


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut without parameters."""

    def __init__(self, incoming: int, width: int, stride: int) -> None:
        super().__init__()
        self.width = width
        self.conv1 = nn.Conv2d(incoming, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        # A convolution with stride 2 rounds odd sizes up, and so must the pool.
        self.pool = nn.MaxPool2d(2, ceil_mode=True) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, n x width x h x w, of x: n x incoming x H x W."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        shortcut = self.pool(x)[:, : self.width]
        total: Tensor = self.relu2(inner + functional.pad(shortcut, (0, 0, 0, 0, 0, self.width - shortcut.shape[1])))
        return total


def count_parameters(widths: Sequence[Sequence[int]], in_channels: int, classes: int, stem: int = 32) -> int:
    """Trainable parameters of `ResNet` with the same arguments; no network is built."""
    check_widths(widths)
    total, incoming = 9 * in_channels * stem + 2 * stem, stem
    for stage in widths:
        for width in stage:
            total += 9 * width * (incoming + width) + 4 * width
            incoming = width
    return total + (incoming + 1) * classes


def count_flops(widths: Sequence[Sequence[int]], input_shape: tuple[int, int, int], classes: int, stem: int = 32) -> int:
    """Operations of one picture of shape (channels, height, width).

    One for each multiply-accumulate of a convolution or of the classifier, two for each output of a batch norm, one for each input of
    the global mean; shortcuts, rectifiers and sums count nothing.
    """
    check_widths(widths)
    in_channels, height, across = input_shape
    pixels = height * across
    total, incoming = pixels * (9 * in_channels * stem + 2 * stem), stem
    for number, stage in enumerate(widths):
        if number:
            height, across = -(-height // 2), -(-across // 2)
            pixels = height * across
        for width in stage:
            total += pixels * (9 * width * (incoming + width) + 4 * width)
            incoming = width
    return total + incoming * (pixels + classes)
