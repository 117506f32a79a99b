"""What a student is trained to match.

Cross-entropy with the labels; the teacher's softened outputs (Hinton et al., arXiv 1503.02531); the teacher's neuron
selectivity (Huang and Wang, arXiv 1707.01219): the distribution of the normalised activation maps of a layer's channels,
compared by the squared maximum mean discrepancy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True, eq=False, slots=True)
class Outputs:
    """What a network says of n pictures.

    Attributes:
        logits: n x classes; empty for a teacher whose logits the loss does not need.
        blocks: A feature map a block, n x C x h x w; none where the loss does not need them.
    """

    logits: Tensor
    blocks: tuple[Tensor, ...] = ()


@dataclass(frozen=True, slots=True)
class LossSettings:
    """What losses can be told.

    Attributes:
        alpha: For `kd`, the share of the labels, 0 to 1.
        temperature: For `kd`, how far outputs are softened.
        beta: For `nst`, the weight of the feature maps beside the labels.
    """

    alpha: float = 0.5
    temperature: float = 6.0
    beta: float = 5.0


@dataclass(frozen=True, slots=True)
class TrainingLoss:
    """An entry of the registry.

    Attributes:
        value: (student's outputs, teacher's outputs, labels n, settings) -> scalar to be made small.
        needs: What of the teacher's outputs it looks at; only that is handed to it.
    """

    value: Callable[[Outputs, Outputs, Tensor, LossSettings], Tensor]
    needs: Literal["nothing", "logits", "features"]


def learn_labels(student: Outputs, teacher: Outputs, labels: Tensor, settings: LossSettings) -> Tensor:
    """Cross-entropy alone."""
    return cross_entropy(student.logits, labels)


def learn_logits(student: Outputs, teacher: Outputs, labels: Tensor, settings: LossSettings) -> Tensor:
    """The teacher's softened outputs, mixed with the labels."""
    return knowledge_distillation(student.logits, labels, teacher.logits, settings.alpha, settings.temperature)


def learn_features(student: Outputs, teacher: Outputs, labels: Tensor, settings: LossSettings) -> Tensor:
    """Cross-entropy plus beta times the teacher's neuron selectivity, without the term that depends on the teacher alone."""
    distance = neuron_selectivity(student.blocks, teacher.blocks, teacher_term=False)
    return cross_entropy(student.logits, labels) + settings.beta * distance


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of logits n x classes with labels n; a scalar."""
    return F.cross_entropy(logits, labels)


def knowledge_distillation(
    logits: Tensor, labels: Tensor, teacher_logits: Tensor, alpha: float = 0.5, temperature: float = 6.0
) -> Tensor:
    """(1 - alpha) T^2 KL(teacher || student) at temperature T, plus alpha times the cross-entropy with the labels.

    T^2 keeps the gradient of the soft part comparable over temperatures.

    Args:
        logits: The student's, n x classes.
        labels: n.
        teacher_logits: n x classes, without gradient.
        alpha: Share of the labels, 0 to 1.
        temperature: T; higher is softer.

    Returns:
        A scalar.
    """
    soft = F.kl_div(
        F.log_softmax(logits / temperature, 1),
        F.log_softmax(teacher_logits / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - alpha) * temperature**2 * soft + alpha * F.cross_entropy(logits, labels)


def neuron_selectivity(student: Sequence[Tensor], teacher: Sequence[Tensor], teacher_term: bool = True) -> Tensor:
    """Neuron selectivity transfer with the kernel k(x, y) = (x . y)^2, summed over the layers, averaged over the batch.

    For one picture and one layer with normalised channel maps s_j (C_S of them) and t_i (C_T), it is
    sum_jj' k(s_j, s_j') / C_S^2 - 2 sum_ij k(t_i, s_j) / (C_T C_S) + sum_ii' k(t_i, t_i') / C_T^2.

    Args:
        student: One feature map a layer, n x C_S x h x w.
        teacher: As many, n x C_T x h' x w'; the larger picture of the two is pooled down to the smaller.
        teacher_term: Whether to add the last sum. It depends on the teacher alone, so gradients do not change; without it
            the loss is cheaper and can be negative.

    Returns:
        A scalar.
    """
    return torch.stack([_discrepancy(s, t, teacher_term) for s, t in zip(student, teacher, strict=True)]).sum()


def _discrepancy(student: Tensor, teacher: Tensor, teacher_term: bool) -> Tensor:
    height, width = (min(sizes) for sizes in zip(student.shape[2:], teacher.shape[2:], strict=True))
    s, t = _maps(student, height, width), _maps(teacher, height, width)
    loss = _kernel_sum(s, s) - 2 * _kernel_sum(t, s)
    return loss + _kernel_sum(t, t) if teacher_term else loss


def _maps(features: Tensor, height: int, width: int) -> Tensor:
    """Flattened channel maps of unit length, n x C x hw. A channel that is all zero stays zero and has no gradient."""
    if features.shape[2:] != (height, width):
        features = F.adaptive_avg_pool2d(features, (height, width))
    return F.normalize(features.flatten(2), dim=2, eps=1e-12)


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
