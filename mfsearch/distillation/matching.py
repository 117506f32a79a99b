"""How far a student's inner outputs are from a teacher's, for the losses that match them.

Feature maps are n x C x h x w; the larger picture of a pair is pooled down to the smaller. Pooled vectors are n x C, and only
relations between pictures are compared, so that student and teacher may differ in C. All values are scalars, 0 for equals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-12


def attention_transfer(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> Tensor:
    """Attention transfer: squared distance of the maps' channel energies, each of unit length, mean over positions, sum over layers.

    Source: Zagoruyko and Komodakis, ICLR 2017, equation 2 with p = 2, squared and averaged as in RepDistiller.

    Args:
        student: One feature map a layer.
        teacher: As many.
    """
    total = []
    for own, other in zip(student, teacher, strict=True):
        a, b = (F.normalize(maps.square().mean(1).flatten(1), dim=1, eps=EPSILON) for maps in same_size(own, other))
        total.append((a - b).square().mean())
    return torch.stack(total).sum()


def hints(student: Tensor, teacher: Tensor) -> Tensor:
    """FitNets' hint: mean squared difference of two maps with equal numbers of channels.

    Source: Romero et al., ICLR 2015, equation 3; the regressor that makes the channels equal is the caller's.
    """
    return F.mse_loss(*same_size(student, teacher))


def similarity_preserving(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared Frobenius distance of the pictures' similarity matrices, rows of unit length, over n^2.

    Source: Tung and Mori, ICCV 2019, equations 1 to 4.
    """
    a, b = (F.normalize(maps.flatten(1) @ maps.flatten(1).T, dim=1, eps=EPSILON) for maps in (student, teacher))
    return (a - b).square().mean()


def probabilistic_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """KL divergence of the teacher's probabilities that pictures are neighbours from the student's, mean over all pairs.

    The probabilities of a row are (cosine + 1) / 2, scaled to sum to 1.

    Source: Passalis and Tefas, ECCV 2018, equations 5 to 8, the cosine kernel; the mean over pairs is RepDistiller's.

    Args:
        student: Pooled vectors.
        teacher: Pooled vectors of the same pictures.
    """

    def neighbours(vectors: Tensor) -> Tensor:
        unit = F.normalize(vectors, dim=1, eps=EPSILON)
        kernel = (unit @ unit.T + 1) / 2
        return kernel / kernel.sum(1, keepdim=True)

    smallest = 1e-7  # two pictures may be opposite
    p, q = neighbours(teacher), neighbours(student)
    return (p * ((p + smallest) / (q + smallest)).log()).mean()


def relational(student: Tensor, teacher: Tensor, distance: float = 25.0, angle: float = 50.0) -> Tensor:
    """Huber distance of pairwise distances, over their mean, and of the angles of all triplets.

    Source: Park et al., CVPR 2019, equations 5 to 8; the weights are those of its section 4.2 as RepDistiller has them.

    Args:
        student: Pooled vectors.
        teacher: Pooled vectors of the same pictures.
        distance: Weight of the distances.
        angle: Weight of the angles.
    """
    distances, angles = zip(*map(_relations, (student, teacher)), strict=True)
    return distance * F.smooth_l1_loss(*distances) + angle * F.smooth_l1_loss(*angles)


def _relations(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Distances over their mean, n x n, and cosines of the angles at each picture, n x n x n."""
    apart = vectors.unsqueeze(0) - vectors.unsqueeze(1)
    squared = apart.square().sum(-1)
    # The root has no derivative at 0, where a picture meets itself or its double.
    distance = torch.where(squared > EPSILON, squared, torch.ones_like(squared)).sqrt() * (squared > EPSILON)
    mean = distance.sum() / (distance > 0).sum().clamp_min(1)
    unit = F.normalize(apart, dim=-1, eps=math.sqrt(EPSILON))
    return distance / mean.clamp_min(math.sqrt(EPSILON)), unit @ unit.mT


def correlation_congruence(student: Tensor, teacher: Tensor, gamma: float = 0.4, order: int = 2) -> Tensor:
    """Mean squared difference of the pictures' correlations, a Gaussian kernel of the unit vectors by its Taylor series.

    Source: Peng et al., ICCV 2019, equations 5 to 9. What RepDistiller computes under this name is another quantity.

    Args:
        student: Pooled vectors.
        teacher: Pooled vectors of the same pictures.
        gamma: Of the kernel exp(-gamma |a - b|^2).
        order: Of the series.
    """

    def correlations(vectors: Tensor) -> Tensor:
        unit = F.normalize(vectors, dim=1, eps=EPSILON)
        product = 2 * gamma * (unit @ unit.T)
        terms = [product**power / math.factorial(power) for power in range(order + 1)]
        return math.exp(-2 * gamma) * torch.stack(terms).sum(0)

    return (correlations(student) - correlations(teacher)).square().mean()


def same_size(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Two maps n x C x h x w, the larger picture pooled down to the smaller."""
    height, width = (min(sizes) for sizes in zip(student.shape[2:], teacher.shape[2:], strict=True))
    pair = (student, teacher)
    own, other = (m if m.shape[2:] == (height, width) else F.adaptive_avg_pool2d(m, (height, width)) for m in pair)
    return own, other
