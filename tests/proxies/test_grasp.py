from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from mfsearch.proxies.grasp import GRASP
from mfsearch.proxies.probe import Probe


def slow(case: Any) -> float:
    """The gradient a small step along itself, forwards and backwards: their difference is the Hessian's product with it."""
    network, images = case.network().double(), case.images.double()
    weights = [module.weight for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    start = [weight.detach().clone() for weight in weights]

    def gradient() -> list[torch.Tensor]:
        loss = nn.functional.cross_entropy(network(images), case.labels)
        return list(torch.autograd.grad(loss, weights, materialize_grads=True))

    first = gradient()
    step = 1e-6 / math.sqrt(sum(float(g.square().sum()) for g in first))
    ends = []
    for sign in (1, -1):
        with torch.no_grad():
            for weight, origin, g in zip(weights, start, first, strict=True):
                weight.copy_(origin + sign * step * g)
        ends.append(gradient())
    return -sum(float((w * (up - down)).sum()) / (2 * step) for w, up, down in zip(start, *ends, strict=True))


def test_equals_the_definition(case: Any) -> None:
    found = GRASP.compute(Probe(case.network().double(), case.images.double(), case.labels))
    assert found == pytest.approx(slow(case), rel=1e-4)


def test_the_gradient_is_the_same_whoever_asks_first(case: Any) -> None:
    alone, after = case.probe(), case.probe()
    GRASP.compute(after)
    for one, other in zip(alone.gradients, after.gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_undefined_where_nothing_reaches_the_weights(disconnected: Any) -> None:
    assert math.isnan(GRASP.compute(disconnected.probe()))
