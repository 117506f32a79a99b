from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mfsearch.proxies.epe_nas import EPE_NAS
from mfsearch.proxies.probe import Probe


def by_class(jacobian: np.ndarray, labels: np.ndarray) -> dict[int, tuple[float, int]]:
    found = {}
    for label in sorted(set(labels.tolist())):
        rows = jacobian[labels == label]
        correlation = np.atleast_2d(np.corrcoef(rows))
        found[label] = (float(np.log(np.abs(correlation) + 1e-5).sum()), len(rows))
    return found


def rows(network: nn.Module, images: torch.Tensor) -> np.ndarray:
    images = images.clone().requires_grad_()
    network(images).sum().backward()
    assert images.grad is not None
    return images.grad.flatten(1).double().numpy()


def test_equals_the_definition(case: Any) -> None:
    scores = by_class(rows(case.network().double(), case.images.double()), case.labels.numpy())
    expected = sum(abs(score) for score, _ in scores.values())
    found = EPE_NAS.compute(Probe(case.network().double(), case.images.double(), case.labels))
    assert found == pytest.approx(expected, rel=1e-4)


def test_with_many_classes_they_are_compared() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(18, 40), nn.ReLU(), nn.Linear(40, 101)).double()
    images, labels = torch.randn(30, 2, 3, 3, dtype=torch.float64), torch.arange(30) % 7
    scores = [score / size for score, size in by_class(rows(network, images), labels.numpy()).values()]
    expected = np.mean([abs(a - b) for a in scores for b in scores])
    assert EPE_NAS.compute(Probe(network, images, labels)) == pytest.approx(float(expected), rel=1e-6)


def test_undefined_where_the_output_ignores_the_images(disconnected: Any) -> None:
    assert math.isnan(EPE_NAS.compute(disconnected.probe()))
