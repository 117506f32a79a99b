from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn
from torch.func import functional_call

from mfsearch.proxies.snip import SNIP


def slow(case: Any) -> float:
    """Masks of ones in front of every weight, and the gradient of the loss with respect to them."""
    network = case.network()
    named = {f"{name}.weight": m.weight for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}
    masks = {name: torch.ones_like(weight, requires_grad=True) for name, weight in named.items()}
    masked = {name: weight.detach() * masks[name] for name, weight in named.items()}
    nn.CrossEntropyLoss()(functional_call(network, masked, (case.images,)), case.labels).backward()
    return float(sum(mask.grad.abs().sum() for mask in masks.values() if mask.grad is not None))


def test_equals_the_definition(case: Any) -> None:
    assert SNIP.compute(case.probe()) == pytest.approx(slow(case), rel=1e-4)


def test_undefined_where_nothing_reaches_the_weights(disconnected: Any) -> None:
    assert math.isnan(SNIP.compute(disconnected.probe()))
