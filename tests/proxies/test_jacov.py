from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mfsearch.proxies.jacov import JACOV
from mfsearch.proxies.probe import Probe


def slow(case: Any) -> float:
    images = case.images.clone().requires_grad_()
    case.network()(images).backward(torch.ones(len(images), case.classes))
    assert images.grad is not None
    correlation = np.corrcoef(images.grad.reshape(len(images), -1).double().numpy())
    values = np.real(np.linalg.eig(correlation)[0])
    return float(-np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5)))


def test_equals_the_definition(case: Any) -> None:
    # Near-zero eigenvalues v enter as 1 / (v + 1e-5): single precision of the Jacobian shows, hence not 1e-9.
    assert JACOV.compute(case.probe()) == pytest.approx(slow(case), rel=1e-4)


def test_equal_rows_are_finite() -> None:
    """A linear network reacts to every image alike: one eigenvalue is n, the others are 0."""
    probe = Probe(nn.Sequential(nn.Flatten(), nn.Linear(8, 2)), torch.randn(6, 2, 2, 2), torch.zeros(6, dtype=torch.int64))
    expected = -(math.log(6 + 1e-5) + 1 / (6 + 1e-5) + 5 * (math.log(1e-5) + 1e5))
    assert JACOV.compute(probe) == pytest.approx(expected, rel=1e-4)


def test_undefined_where_the_output_ignores_the_images(disconnected: Any) -> None:
    assert math.isnan(JACOV.compute(disconnected.probe()))
