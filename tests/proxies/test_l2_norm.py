from __future__ import annotations

import math
from typing import Any

import pytest
from torch import nn

from mfsearch.proxies.l2_norm import L2_NORM


def test_equals_the_definition(case: Any) -> None:
    """A convolution of several edges (only a cell's have as many outputs as inputs each) is taken apart."""
    total = 0.0
    for name, module in case.network().named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            edges = module.weight.shape[0] // module.weight.shape[1] if ".convolutions." in name else 1
            total += sum(math.sqrt(sum(w * w for w in edge.flatten().tolist())) for edge in module.weight.chunk(edges))
    assert L2_NORM.compute(case.probe()) == pytest.approx(total, rel=1e-4)


def test_a_disconnected_cell_has_weights(disconnected: Any) -> None:
    assert L2_NORM.compute(disconnected.probe()) > 0
