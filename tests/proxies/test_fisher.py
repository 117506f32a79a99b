from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mfsearch.proxies import PROXIES
from mfsearch.proxies.fisher import FISHER
from mfsearch.proxies.probe import Probe


def slow(case: Any) -> float:
    """Activations and their gradients layer by layer, channel by channel, image by image."""
    network = case.network()
    kept: list[tuple[nn.Module, torch.Tensor]] = []

    def keep(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        output.retain_grad()
        kept.append((module, output))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(keep)
    nn.CrossEntropyLoss()(network(case.images), case.labels).backward()
    total = 0.0
    for module, output in kept:
        if output.grad is None:
            continue
        product = (output.detach() * output.grad).double().numpy()
        for channel in range(product.shape[1]):
            saliency = 0.5 * np.mean([np.sum(image[channel]) ** 2 for image in product])
            total += saliency * module.weight[channel].numel()  # type: ignore[index]
    return total


def test_equals_the_definition(case: Any) -> None:
    assert FISHER.compute(case.probe()) == pytest.approx(slow(case), rel=1e-4)


def test_other_passes_leave_it_alone(case: Any) -> None:
    """Jacobian, gradient and Hessian run backwards through the same activations."""
    probe = case.probe()
    for name in ("jacov", "grasp", "snip"):
        PROXIES[name].compute(probe)
    assert FISHER.compute(probe) == pytest.approx(FISHER.compute(case.probe()), rel=1e-5)


def test_undefined_where_nothing_reaches_the_weights(disconnected: Any) -> None:
    assert math.isnan(FISHER.compute(disconnected.probe()))
    linear = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert FISHER.compute(Probe(linear, torch.randn(3, 1, 2, 2), torch.zeros(3, dtype=torch.int64))) > 0
