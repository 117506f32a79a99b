from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mfsearch.proxies.probe import Probe
from mfsearch.proxies.zen import ZEN


def norm(x: Tensor, running: list[float]) -> Tensor:
    """A batch norm as it comes from the box, in train mode; its running variance starts at 1 and moves by a tenth."""
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    n = x.numel() / x.shape[1]
    unbiased = variance.flatten() * n / (n - 1)
    running[:] = [0.9 * old + 0.1 * float(new) for old, new in zip(running, unbiased, strict=True)]
    return (x - mean) / (variance + 1e-5).sqrt()


def test_equals_the_definition() -> None:
    """Two convolutions with norms, weights and noise drawn here in the order in which the score draws them."""
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5),
    ).double()  # fmt: skip
    images = torch.randn(6, 2, 5, 5, dtype=torch.float64)
    before = [parameter.clone() for parameter in network.parameters()]
    generator = torch.Generator().manual_seed(3)
    first, second, _ = (torch.randn(shape, generator=generator).double() for shape in ((3, 2, 3, 3), (4, 3, 1, 1), (5, 4)))
    z, step = (torch.randn(images.shape, generator=generator).double() for _ in range(2))
    running = [[1.0] * 3, [1.0] * 4]
    maps = []
    for x in (z, z + 0.01 * step):
        x = torch.relu(norm(nn.functional.conv2d(x, first), running[0]))
        maps.append(torch.relu(norm(nn.functional.conv2d(x, second), running[1])))
    expected = math.log(float((maps[0] - maps[1]).abs().mean())) + sum(math.log(math.sqrt(sum(r) / len(r))) for r in running)
    probe = Probe(network, images, torch.zeros(6, dtype=torch.int64), seed=3)
    assert ZEN.compute(probe) == pytest.approx(expected, rel=1e-4)
    assert all(torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))


def test_needs_neither_labels_nor_data_and_keeps_to_its_seed(case: Any) -> None:
    one, other = case.probe(), Probe(case.network(), torch.zeros_like(case.images), case.labels)
    assert ZEN.compute(one) == ZEN.compute(other)
    assert ZEN.compute(one) != ZEN.compute(Probe(case.network(), case.images, case.labels, seed=1))


def test_undefined_where_nothing_depends_on_the_input(disconnected: Any) -> None:
    assert ZEN.compute(disconnected.probe()) == -math.inf
