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
        """First feature map, one map a block (n x C x h x w) in order, pooled vector n x C, logits n x classes."""
