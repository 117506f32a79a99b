from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mfsearch.networks.nasbench201 import EDGES
from mfsearch.proxies.nwot import NWOT
from mfsearch.proxies.probe import Probe


def slow(case: Any) -> float:
    """Count agreeing units pair by pair, from the rectifiers' inputs; a cell has one in front of every convolution."""
    network = case.network()
    inputs: list[np.ndarray] = []
    for name, module in network.named_modules():
        if isinstance(module, nn.ReLU):
            _, behind, node = name.partition(".relus.node")
            leaving = sum(
                case.operations[e].startswith("nor_conv") for e, (_, s) in enumerate(EDGES) if behind and s == int(node)
            )
            note = lambda _, args, times: inputs.extend([args[0].detach().flatten(1).numpy()] * times)  # noqa: E731
            module.register_forward_pre_hook(functools.partial(note, times=leaving or 1))
    network(case.images)
    n = len(case.images)
    kernel = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            kernel[i, j] = sum(np.sum((x[i] > 0) == (x[j] > 0)) for x in inputs)
    return float(np.linalg.slogdet(kernel)[1])


def test_equals_the_definition(case: Any) -> None:
    assert NWOT.compute(case.probe()) == pytest.approx(slow(case), rel=1e-4)


def test_a_rectifier_counts_each_time_it_is_called() -> None:
    shared = nn.ReLU()
    network = nn.Sequential(nn.Flatten(), shared, nn.Linear(4, 4), shared)
    torch.manual_seed(0)
    probe = Probe(network, torch.randn(3, 1, 2, 2), torch.zeros(3, dtype=torch.int64))
    NWOT.compute(probe)
    assert [(times, code.shape) for times, code in probe.codes] == [(1, (3, 4)), (1, (3, 4))]


def test_undefined_where_two_images_share_their_codes(case: Any) -> None:
    twice = torch.cat([case.images[:8], case.images[:8]])
    assert NWOT.compute(Probe(case.network(), twice, case.labels)) == -math.inf


def test_undefined_without_rectifiers_and_without_a_path(disconnected: Any) -> None:
    assert NWOT.compute(disconnected.probe()) == -math.inf
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert NWOT.compute(Probe(plain, torch.randn(3, 1, 2, 2), torch.zeros(3, dtype=torch.int64))) == -math.inf
