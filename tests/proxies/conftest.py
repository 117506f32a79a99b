from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from mfsearch.networks.base import AbstractFeatureNetwork
from mfsearch.networks.nasbench201 import NASBench201Network
from mfsearch.proxies.probe import Probe
from mfsearch.proxies.reference import Reference

CELLS = {
    "all kinds": ("nor_conv_3x3", "skip_connect", "nor_conv_1x1", "avg_pool_3x3", "none", "nor_conv_3x3"),
    "dense": ("nor_conv_3x3",) * 6,
    "thin": ("none", "none", "none", "nor_conv_1x1", "none", "none"),
    "pools": ("avg_pool_3x3", "skip_connect", "avg_pool_3x3", "none", "skip_connect", "avg_pool_3x3"),
    "residual": ("nor_conv_3x3", "none", "nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3"),
}
DISCONNECTED = ("nor_conv_3x3", "none", "none", "none", "none", "none")


@dataclass(frozen=True)
class Case:
    """A small network around one cell with a minibatch; `network()` is the same network every time."""

    operations: tuple[str, ...]
    images: Tensor
    labels: Tensor
    in_channels: int = 2
    classes: int = 5
    channels: int = 4
    cells: int = 1

    def fresh(self) -> nn.Module:
        return NASBench201Network(self.operations, self.in_channels, self.classes, self.channels, self.cells)

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return self.fresh().train()

    def teacher(self) -> Reference:
        with torch.random.fork_rng():
            network = NASBench201Network(CELLS["dense"], self.in_channels, self.classes, self.channels, self.cells)
        return Reference(network, self.images, self.labels)

    def probe(self) -> Probe:
        return Probe(self.network(), self.images, self.labels, teacher=self.teacher())


class Block(nn.Module):
    """A residual block as in He et al., 2016: two 3x3 convolutions with batch norm, and a 1x1 shortcut where the shape changes."""

    def __init__(self, incoming: int, outgoing: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False)
        self.first_norm, self.second_norm = nn.BatchNorm2d(outgoing), nn.BatchNorm2d(outgoing)
        self.second = nn.Conv2d(outgoing, outgoing, 3, 1, 1, bias=False)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or incoming != outgoing:
            self.shortcut = nn.Sequential(nn.Conv2d(incoming, outgoing, 1, stride, bias=False), nn.BatchNorm2d(outgoing))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.second_norm(self.second(self.relu(self.first_norm(self.first(x)))))
        result: Tensor = self.relu(inner + self.shortcut(x))
        return result


class ResNet(AbstractFeatureNetwork):
    """Five blocks behind a convolution: as many as the small cells' networks have, so that they can be compared."""

    def __init__(self, in_channels: int, classes: int, channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        widths = [channels, channels, channels * 2, channels * 2, channels * 4, channels * 4]
        pairs = list(pairwise(widths))
        self.blocks = nn.ModuleList(Block(a, b, 1 if a == b else 2) for a, b in pairs)
        self.head = nn.Identity()
        self.classifier = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.forward_features(images)[-1]

    def forward_features(self, images: Tensor) -> list[Tensor]:
        features = [self.stem(images)]
        for block in self.blocks:
            features.append(block(features[-1]))
        features.append(features[-1].mean((2, 3)))
        features.append(self.classifier(features[-1]))
        return features


@dataclass(frozen=True)
class ResNetCase(Case):
    """The same around a small ResNet, which is no cell."""

    def fresh(self) -> nn.Module:
        return ResNet(self.in_channels, self.classes, self.channels)


def make(operations: tuple[str, ...]) -> Case:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(16, 2, 8, 8, generator=generator)
    return Case(operations, images, torch.randint(5, (16,), generator=generator))


@pytest.fixture(params=[*CELLS.values(), None], ids=[*CELLS, "resnet"])
def case(request: pytest.FixtureRequest) -> Case:
    if request.param is None:
        some = make(CELLS["dense"])
        return ResNetCase((), some.images, some.labels)
    return make(request.param)


@pytest.fixture
def disconnected() -> Case:
    return make(DISCONNECTED)
