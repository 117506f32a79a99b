"""What a network offers whose inner layers are compared with a teacher's."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class AbstractFeatureNetwork(nn.Module, ABC):
    """A network that hands out its feature maps; any other module can be trained without comparing layers."""

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Logits, n x classes, of images n x channels x height x width."""

    @abstractmethod
    def forward_features(self, images: Tensor) -> list[Tensor]:
        """First feature map, one map (n x C x h x w) a block or stage in order, pooled vector n x C, logits n x classes."""

    def pieces(self) -> dict[str, Tensor]:
        """Weights and statistics as views, named so that one name means one place in all networks of a space.

        That is the state by its own names, where networks of the space do not lay it out in different ways.
        """
        return dict(self.state_dict())


def standing_for(module: nn.Module, layers: int) -> nn.Module:
    """Mark a layer that does the work of several equal ones, its outputs being theirs, one behind the other."""
    module.__dict__["layers_in"] = layers
    return module


def layers_in(module: nn.Module) -> int:
    """Number of the architecture's layers that a module does the work of."""
    found = module.__dict__.get("layers_in", 1)
    return int(found)
