from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

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

    def network(self) -> nn.Module:
        torch.manual_seed(0)
        return NASBench201Network(self.operations, self.in_channels, self.classes, self.channels, self.cells).train()

    def teacher(self) -> Reference:
        with torch.random.fork_rng():
            network = NASBench201Network(CELLS["dense"], self.in_channels, self.classes, self.channels, self.cells)
        return Reference(network, self.images, self.labels)

    def probe(self) -> Probe:
        return Probe(self.network(), self.images, self.labels, teacher=self.teacher())


def make(operations: tuple[str, ...]) -> Case:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(16, 2, 8, 8, generator=generator)
    return Case(operations, images, torch.randint(5, (16,), generator=generator))


@pytest.fixture(params=list(CELLS.values()), ids=list(CELLS))
def case(request: pytest.FixtureRequest) -> Case:
    return make(request.param)


@pytest.fixture
def disconnected() -> Case:
    return make(DISCONNECTED)
