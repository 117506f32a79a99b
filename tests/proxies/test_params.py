from __future__ import annotations

from typing import Any

from mfsearch.networks.counts import count_parameters
from mfsearch.proxies.params import PARAMS


def test_equals_the_closed_form(case: Any) -> None:
    if not case.operations:  # the ResNet, layer by layer: convolutions, norms (two figures a channel), classifier
        plain = [2 * (w * w * 9 + 2 * w) for w in (4, 8, 16)]
        strided = [(w // 2) * w * 9 + w * w * 9 + (w // 2) * w + 3 * 2 * w for w in (8, 16)]
        assert PARAMS.compute(case.probe()) == (2 * 4 * 9 + 2 * 4) + sum(plain) + sum(strided) + 16 * 5 + 5
        return
    expected = count_parameters(case.operations, case.in_channels, case.classes, case.channels, case.cells)
    assert PARAMS.compute(case.probe()) == expected


def test_frozen_parameters_do_not_count(case: Any) -> None:
    probe = case.probe()
    before = PARAMS.compute(probe)
    bias = probe.network.get_parameter("classifier.bias").requires_grad_(False)
    assert PARAMS.compute(probe) == before - bias.numel()
