from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from mfsearch.proxies.probe import Probe
from mfsearch.proxies.synflow import SYNFLOW


def slow(case: Any) -> float:
    """A float64 copy without batch norms, its parameters made positive in place."""
    network = case.network().double()
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    network(torch.ones(1, *case.images.shape[1:], dtype=torch.float64)).sum().backward()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return math.log(sum((m.weight * m.weight.grad).abs().sum().item() for m in layers if m.weight.grad is not None))


def test_equals_the_definition(case: Any) -> None:
    assert SYNFLOW.compute(case.probe()) == pytest.approx(slow(case), rel=1e-9)


def test_every_layer_carries_the_whole_flow() -> None:
    """In a chain without biases, the sum over each layer is the output: log(layers * R)."""
    torch.manual_seed(0)
    convolution, linear = nn.Conv2d(1, 3, 3, bias=False), nn.Linear(12, 2, bias=False)
    network = nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), linear)
    first, last = convolution.weight.abs().double(), linear.weight.abs().double()
    output = last @ first.sum((1, 2, 3)).repeat_interleave(4)
    probe = Probe(network, torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64))
    assert SYNFLOW.compute(probe) == pytest.approx(math.log(2 * output.sum().item()), rel=1e-12)


def test_deep_networks_do_not_overflow() -> None:
    blocks = [module for _ in range(120) for module in (nn.Conv2d(64, 64, 3, padding=1), nn.BatchNorm2d(64))]
    network = nn.Sequential(nn.Conv2d(1, 64, 3), *blocks, nn.Flatten(), nn.Linear(64 * 4, 2))
    probe = Probe(network, torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64))
    figure = SYNFLOW.compute(probe)
    assert math.isfinite(figure)
    assert figure > math.log(torch.finfo(torch.float32).max)


def test_leaves_the_network_as_it_was(case: Any) -> None:
    probe = case.probe()
    before = {name: value.clone() for name, value in probe.network.state_dict().items()}
    SYNFLOW.compute(probe)
    assert all(torch.equal(before[name], value) for name, value in probe.network.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in probe.network.parameters())
    assert not any("forward" in vars(module) for module in probe.network.modules())


def test_undefined_where_nothing_flows(disconnected: Any) -> None:
    assert SYNFLOW.compute(disconnected.probe()) == -math.inf
