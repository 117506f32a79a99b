"""Neuron selectivity transfer: the distribution of a layer's normalised channel maps, compared by the squared maximum mean discrepancy.

Source: Huang and Wang, arXiv 1707.01219.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from mfsearch.distillation.matching import EPSILON, same_size

Kernel: TypeAlias = Literal["polynomial", "linear", "gaussian"]
KERNELS: tuple[Kernel, ...] = ("polynomial", "linear", "gaussian")


def neuron_selectivity(
    student: Sequence[Tensor], teacher: Sequence[Tensor], teacher_term: bool = True, kernel: Kernel = "polynomial"
) -> Tensor:
    """The squared maximum mean discrepancy, summed over the layers, averaged over the batch.

    For one picture and one layer with normalised channel maps s_j (C_S of them) and t_i (C_T), it is
    sum_jj' k(s_j, s_j') / C_S^2 - 2 sum_ij k(t_i, s_j) / (C_T C_S) + sum_ii' k(t_i, t_i') / C_T^2.

    Args:
        student: One feature map a layer, n x C_S x h x w.
        teacher: As many, n x C_T x h' x w'; the larger picture of the two is pooled down to the smaller.
        teacher_term: Whether to add the last sum. It depends on the teacher alone, so gradients do not change; without it
            the loss is cheaper and can be negative.
        kernel: `polynomial` is (x . y)^2, `linear` x . y, and `gaussian` exp(-|x - y|^2 / (2 sigma^2)) with the mean squared
            distance of student's and teacher's maps as sigma^2, a constant for the gradient.

    Returns:
        A scalar.
    """
    compare = _gaussian if kernel == "gaussian" else _linear if kernel == "linear" else _polynomial
    pairs = (same_size(own, other) for own, other in zip(student, teacher, strict=True))
    return torch.stack([compare(_maps(own), _maps(other), teacher_term) for own, other in pairs]).sum()


def _maps(features: Tensor) -> Tensor:
    """Flattened channel maps of unit length, n x C x hw. A channel that is all zero stays zero and has no gradient."""
    return F.normalize(features.flatten(2), dim=2, eps=EPSILON)


def _polynomial(s: Tensor, t: Tensor, teacher_term: bool) -> Tensor:
    loss = _kernel_sum(s, s) - 2 * _kernel_sum(t, s)
    return loss + _kernel_sum(t, t) if teacher_term else loss


def _kernel_sum(a: Tensor, b: Tensor) -> Tensor:
    """Mean over all pairs of channels of (a_i . b_j)^2, averaged over the batch, for a: n x A x L and b: n x B x L.

    sum_ij (a_i . b_j)^2 = <a^T a, b^T b>: whichever pair of Gram matrices is smaller is formed, and never n x A x B x L.
    """
    n, channels_a, length = a.shape
    channels_b = b.shape[1]
    pairs = n * channels_a * channels_b
    if length * (channels_a + channels_b) < channels_a * channels_b:
        return ((a.mT @ a) * (b.mT @ b)).sum() / pairs
    return (a @ b.mT).square().sum() / pairs


def _linear(s: Tensor, t: Tensor, teacher_term: bool) -> Tensor:
    """The mean over all pairs of x . y is the product of the means."""
    own, other = s.mean(1), t.mean(1)
    loss = own.square().sum(1) - 2 * (own * other).sum(1)
    return (loss + other.square().sum(1) if teacher_term else loss).mean()


def _gaussian(s: Tensor, t: Tensor, teacher_term: bool) -> Tensor:
    """Squared distances from the products: n x A x B and not n x A x B x L.

    Maps have unit length, or are dead: their squares are constants, and what a gradient would say of them normalising takes away.
    """

    def squares(a: Tensor) -> Tensor:
        lengths: Tensor = torch.linalg.vector_norm(a.detach(), dim=2)
        return lengths.square()

    def apart(a: Tensor, b: Tensor) -> Tensor:
        return (squares(a).unsqueeze(2) + squares(b).unsqueeze(1) - 2 * a @ b.mT).clamp_min(0.0)

    across = apart(t, s)
    width = 2 * across.detach().mean((1, 2), keepdim=True).clamp_min(EPSILON)
    loss = torch.exp(-apart(s, s) / width).mean((1, 2)) - 2 * torch.exp(-across / width).mean((1, 2))
    return (loss + torch.exp(-apart(t, t) / width).mean((1, 2)) if teacher_term else loss).mean()
