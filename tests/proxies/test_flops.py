from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mfsearch.networks.counts import count_flops
from mfsearch.proxies.flops import FLOPS
from mfsearch.proxies.probe import Probe


def test_equals_the_closed_form(case: Any) -> None:
    if not case.operations:  # the ResNet: 4 to 16 channels on 8x8, 4x4 and 2x2, layer by layer
        first = 8 * 8 * 4 * (2 * 9 + 2)
        plain = [size**2 * width * 2 * (width * 9 + 2) for size, width in ((8, 4), (4, 8), (2, 16))]
        strided = [s**2 * w * (w // 2 * 9 + 2 + w * 9 + 2 + w // 2 + 2) for s, w in ((4, 8), (2, 16))]
        assert FLOPS.compute(case.probe()) == first + sum(plain) + sum(strided) + 16 * 5
        return
    expected = count_flops(case.operations, (case.in_channels, 8, 8), case.classes, case.channels, case.cells)
    global_pool = 2 * 2 * 4 * case.channels  # which the benchmark counts, and no module shows
    assert FLOPS.compute(case.probe()) == expected - global_pool


def test_by_hand() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3, bias=True), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 5, bias=False))
    probe = Probe(network, torch.zeros(2, 2, 4, 4), torch.zeros(2, dtype=torch.int64))
    assert FLOPS.compute(probe) == 3 * 4 * 2 * 9 + 2 * 3 * 4 + 5 * 12


def test_leaves_the_network_as_it_was(case: Any) -> None:
    probe = case.probe()
    before = {name: value.clone() for name, value in probe.network.state_dict().items()}
    FLOPS.compute(probe)
    assert probe.network.training
    assert all(torch.equal(before[name], value) for name, value in probe.network.state_dict().items())
    assert not any(module._forward_hooks for module in probe.network.modules())
