"""A teacher's architecture as a student at initialisation is compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfsearch.proxies.gaussian import last_map, redrawn

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


def _look(network: nn.Module, images: Tensor, labels: Tensor) -> Look:
    classifier = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    features, logits = last_map(network, images)
    loss = functional.cross_entropy(logits.double(), labels)
    (gradient,) = torch.autograd.grad(loss, [classifier.weight])
    flat = features.detach().flatten(1).double()
    return Look(gradient.detach(), functional.normalize(flat @ flat.T, dim=1))
