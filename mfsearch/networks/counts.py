"""Parameters and operations of a NAS-Bench-201 network, and operations of MobileNetV2-like ones, in closed form: no network is built.

Operations are counted as the benchmark's own counter does, so that its figures are reproduced to the last one: one for each
multiply-accumulate of a convolution or of the classifier, two for each output of a batch norm, one for each input of the global
pool; the poolings inside cells and reductions, rectifiers and sums count nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from mfsearch.networks.nasbench201 import KERNELS, Reduction, check_operations

STAGES = 3


def count_parameters(
    operations: Sequence[str],
    in_channels: int = 3,
    classes: int = 10,
    channels: int = 16,
    cells: int = 5,
    reduction: Reduction = "residual",
) -> int:
    """Trainable parameters of `NASBench201Network` with the same arguments."""
    taps, norms = _cell(operations)
    last = channels << (STAGES - 1)
    total = 9 * in_channels * channels + 2 * channels + 2 * last + (last + 1) * classes
    for stage in range(STAGES):
        width = channels << stage
        total += cells * (taps * width**2 + norms * 2 * width)
        if stage > 0:
            kernels, norm = _reduction(width, reduction)
            total += kernels + 2 * width * norm
    return total


def count_flops(
    operations: Sequence[str],
    input_shape: tuple[int, int, int] = (3, 32, 32),
    classes: int = 10,
    channels: int = 16,
    cells: int = 5,
    reduction: Reduction = "residual",
) -> int:
    """Operations of one picture of shape (channels, height, width); the module's first lines say what counts as one."""
    taps, norms = _cell(operations)
    in_channels, height, width = input_shape
    pixels = height * width
    total = pixels * (9 * in_channels * channels + 2 * channels)
    for stage in range(STAGES):
        size = channels << stage
        if stage > 0:
            height, width = height // 2, width // 2
            pixels = height * width
            kernels, norm = _reduction(size, reduction)
            total += pixels * (kernels + 2 * size * norm)
        total += pixels * cells * (taps * size**2 + norms * 2 * size)
    head = (2 + 1) * pixels * size  # batch norm and global pool
    return total + head + size * classes


def count_mobilenet_flops(
    stages: Sequence[tuple[int, int]],
    expansions: Sequence[int],
    strides: Sequence[int],
    classes: int,
    side: int = 32,
    stem: int = 32,
) -> int:
    """Operations of one picture in a network of inverted residuals (Sandler et al., MobileNetV2, CVPR 2018), counted as above.

    A 3x3 stem, the stages, a classifier; every convolution has a batch norm. The pool before the classifier counts nothing.

    Args:
        stages: Channels and repeats of each stage, in the order of the network.
        expansions: How much wider a block of each stage is inside; 1: it has no convolution that widens it. Stages beyond them are 1x1
            convolutions, which are not repeated.
        strides: Of the first block of each stage, as many as expansions; they divide the side.
        classes: Outputs of the classifier.
        side: Of the picture, which has three colours, and of what the stem makes of it.
        stem: The stem's channels.
    """
    pixels, width = side**2, stem
    total = (27 + 2) * pixels * stem
    for (channels, repeats), expansion, stride in zip(stages, expansions, strides, strict=False):
        total += pixels * _widening(width, expansion)
        pixels //= stride**2
        total += pixels * _rest(width, expansion, channels)
        total += (repeats - 1) * pixels * (_widening(channels, expansion) + _rest(channels, expansion, channels))
        width = channels
    for channels, _ in stages[len(expansions) :]:
        total += (width + 2) * channels * pixels
        width = channels
    return total + width * classes


def _widening(width: int, expansion: int) -> int:
    """Operations of a block's first convolution for each pixel."""
    return (width + 2) * width * expansion if expansion > 1 else 0


def _rest(width: int, expansion: int, channels: int) -> int:
    """Operations of a block's other two for each pixel: 3x3 channel by channel, and what narrows it."""
    return (9 + 2) * width * expansion + (width * expansion + 2) * channels


def _cell(operations: Sequence[str]) -> tuple[int, int]:
    """Kernel taps of one cell (each costs width squared weights), and its batch norms."""
    check_operations(operations)
    kernels = [KERNELS[operation] for operation in operations if operation in KERNELS]
    return sum(kernel**2 for kernel in kernels), len(kernels)


def _reduction(width: int, reduction: Reduction) -> tuple[int, int]:
    """Weights of a reduction's convolutions, which all work on its output's pixels, and its batch norms."""
    half = width // 2
    if reduction == "light":
        return half * width, 1
    return 9 * half * width + 9 * width**2 + half * width, 2
