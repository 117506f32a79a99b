from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from mfsearch.proxies.plain import PLAIN
from mfsearch.proxies.probe import Probe


def test_equals_the_definition(case: Any) -> None:
    """What the loss gains a unit of scale, all weights scaled by 1 + t: a central difference in t."""
    network, images = case.network().double(), case.images.double()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    weights = [layer.weight.detach().clone() for layer in layers]

    def loss(t: float) -> float:
        with torch.no_grad():
            for layer, weight in zip(layers, weights, strict=True):
                layer.weight.copy_(weight * (1 + t))
            return float(nn.functional.cross_entropy(network(images), case.labels))

    slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
    found = PLAIN.compute(Probe(case.network().double(), images, case.labels))
    assert found == pytest.approx(slope, rel=1e-4)


def test_undefined_where_nothing_reaches_the_weights(disconnected: Any) -> None:
    assert math.isnan(PLAIN.compute(disconnected.probe()))
