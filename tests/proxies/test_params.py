from __future__ import annotations

from typing import Any

from mfsearch.networks.counts import count_parameters
from mfsearch.proxies.params import PARAMS


def test_equals_the_closed_form(case: Any) -> None:
    expected = count_parameters(case.operations, case.in_channels, case.classes, case.channels, case.cells)
    assert PARAMS.compute(case.probe()) == expected


def test_frozen_parameters_do_not_count(case: Any) -> None:
    probe = case.probe()
    before = PARAMS.compute(probe)
    bias = probe.network.get_parameter("classifier.bias").requires_grad_(False)
    assert PARAMS.compute(probe) == before - bias.numel()
