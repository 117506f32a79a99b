"""How much an untrained student resembles an untrained teacher in what it makes of one minibatch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfsearch.proxies.gaussian import last_map, redrawn
from mfsearch.proxies.probe import Probe, Proxy

SEEDS = 5  # draws of the weights that a score is averaged over: a single one says little


@dataclass(frozen=True, eq=False)
class Look:
    """What one draw of a network makes of a minibatch of n images.

    Attributes:
        classifier: Gradient of the cross-entropy with respect to the classifier's weights, K x C.
        relations: Similarities of the images in the last feature map, n x n, each row of unit length.
    """

    classifier: Tensor
    relations: Tensor


class Reference:
    """A teacher as DisWOT sees it: its architecture with random weights. All students are compared with the same draws.

    Args:
        network: The teacher; its weights do not matter.
        images: n x channels x height x width.
        labels: n class numbers, int64.
        seed: Seed of the first draw.
    """

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor, seed: int = 0) -> None:
        self._network, self._images, self._labels, self._seed = network.to(images.device), images, labels, seed

    @cached_property
    def looks(self) -> tuple[Look, ...]:
        """One a draw; computed once, whatever the number of students."""
        return looks(self._network, self._images, self._labels, self._seed)


def looks(network: nn.Module, images: Tensor, labels: Tensor, seed: int) -> tuple[Look, ...]:
    """`SEEDS` draws of a network that ends in a linear classifier."""
    return tuple(_look(redrawn(network, torch.Generator().manual_seed(seed + draw)), images, labels) for draw in range(SEEDS))


def diswot(probe: Probe) -> float:
    """-(semantic + relation dissimilarity) of student and teacher, averaged over draws of both networks' weights.

    Semantic: mean over classes and channels of |E_S - E_T|^2, where E is the outer product of a class's classifier gradient g with
    itself, rows of unit length. Such rows are sign(g_i) g / |g|, so that the sum has a closed form and E is never formed.
    Relation: |A_S - A_T|^2 / n^2 of the images' similarities in the last feature map.

    Undefined without a teacher, where teacher and student end in different numbers of channels, and where nothing reaches the
    student's classifier.

    Source: Dong, Li and Wei, "DisWOT: Student Architecture Search for Distillation WithOut Training", CVPR 2023, sections 3.2, 3.3.
    """
    if probe.teacher is None:
        return math.nan
    pairs = list(zip(looks(probe.network, probe.images.detach(), probe.labels, probe.seed), probe.teacher.looks, strict=True))
    if any(s.classifier.shape != t.classifier.shape or not bool(s.classifier.any()) for s, t in pairs):
        return math.nan
    return -sum(semantic(s.classifier, t.classifier) + relation(s.relations, t.relations) for s, t in pairs) / len(pairs)


def semantic(student: Tensor, teacher: Tensor) -> float:
    """Mean over classes and channels of the squared distance of the normalised outer products, for gradients K x C."""
    own, other = student.double(), teacher.double()
    cosine = functional.cosine_similarity(own, other, dim=1, eps=0.0).nan_to_num(0.0).unsqueeze(1)
    rows = own.sign().abs() + other.sign().abs() - 2 * own.sign() * other.sign() * cosine
    return float(rows.mean())


def relation(student: Tensor, teacher: Tensor) -> float:
    """Mean squared difference of similarities n x n."""
    return float((student - teacher).square().mean())


def _look(network: nn.Module, images: Tensor, labels: Tensor) -> Look:
    classifier = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    features, logits = last_map(network, images)
    loss = functional.cross_entropy(logits.double(), labels)
    (gradient,) = torch.autograd.grad(loss, [classifier.weight])
    flat = features.detach().flatten(1).double()
    return Look(gradient.detach(), functional.normalize(flat @ flat.T, dim=1))


DISWOT = Proxy("diswot", diswot, teacher=True)
