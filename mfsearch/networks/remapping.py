"""A student that begins with its teacher's weights, wherever the two have the same place."""

from __future__ import annotations

import torch
from torch import Tensor

from mfsearch.networks.base import AbstractFeatureNetwork


@torch.no_grad()
def remap(student: AbstractFeatureNetwork, teacher: AbstractFeatureNetwork) -> None:
    """Copy a teacher's weights and batch-norm statistics into a student of its space, in place.

    A narrower student takes the first channels, a shallower one the first blocks; of a larger kernel it takes the middle, and a
    smaller one comes into the middle of zeros. What the teacher does not have stays as it is. A student equal to its teacher then
    computes the same function.

    Source: Lee, An, Kim and Hwang, "Meta-prediction Model for Distillation-Aware NAS on Unseen Datasets", ICLR 2023, section on
    teacher-remapped students; kernels that differ are ours.
    """
    given = teacher.pieces()
    for name, piece in student.pieces().items():
        if name in given:
            _copy(piece, given[name])


def _copy(to: Tensor, source: Tensor) -> None:
    """Leading entries of the first two axes, the middle of the others."""
    leading = tuple(slice(0, min(own, other)) for own, other in zip(to.shape[:2], source.shape[:2], strict=True))
    to, source = to[leading], source[leading]
    into, out_of = (_middle(part, like) for part, like in ((to, source), (source, to)))
    if to.shape != source.shape:
        to.zero_()
    into.copy_(out_of)


def _middle(tensor: Tensor, like: Tensor) -> Tensor:
    """The middle of all axes but the first two, no wider than another tensor's."""
    for axis, (own, other) in enumerate(zip(tensor.shape[2:], like.shape[2:], strict=True), start=2):
        width = min(own, other)
        tensor = tensor.narrow(axis, (own - width) // 2, width)
    return tensor
