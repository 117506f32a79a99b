from __future__ import annotations

import math
from typing import Any

import pytest
from torch import nn

from mfsearch.proxies.grad_norm import GRAD_NORM


def slow(case: Any) -> float:
    """Weight by weight; a convolution of several edges (only a cell's have as many outputs as inputs each) is taken apart."""
    network = case.network()
    nn.CrossEntropyLoss()(network(case.images), case.labels).backward()
    total = 0.0
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.grad is not None:
            edges = module.weight.shape[0] // module.weight.shape[1] if ".convolutions." in name else 1
            for edge in module.weight.grad.chunk(edges):
                total += math.sqrt(sum(g * g for g in edge.flatten().tolist()))
    return total


def test_equals_the_definition(case: Any) -> None:
    assert GRAD_NORM.compute(case.probe()) == pytest.approx(slow(case), rel=1e-4)


def test_undefined_where_nothing_reaches_the_weights(disconnected: Any) -> None:
    assert math.isnan(GRAD_NORM.compute(disconnected.probe()))
