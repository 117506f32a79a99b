from __future__ import annotations

import gc
import weakref
from typing import Any

import torch
from torch import nn

from mfsearch.proxies import PROXIES
from mfsearch.proxies.probe import Probe


class Counting(nn.Module):
    """Counts how often it is run on a whole minibatch."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.passes = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.passes += len(images) > 1
        result: torch.Tensor = self.network(images)
        return result


def test_all_proxies_share_one_forward_pass(case: Any) -> None:
    network = Counting(case.network())
    probe = Probe(network, case.images, case.labels)
    for proxy in PROXIES.values():
        proxy.compute(probe)
    assert network.passes == 1


def test_free_proxies_run_no_minibatch(case: Any) -> None:
    network = Counting(case.network())
    probe = Probe(network, case.images, case.labels)
    for proxy in PROXIES.values():
        if proxy.free:
            proxy.compute(probe)
    assert network.passes == 0


def test_only_convolutions_and_linear_layers_have_weights(case: Any) -> None:
    probe = case.probe()
    assert all(weight.ndim in (2, 4) for weight in probe.weights)
    assert "classifier.weight" in probe.weight_names
    assert not case.images.requires_grad


def test_unused_weights_have_zero_gradient(disconnected: Any) -> None:
    probe = disconnected.probe()
    assert len(probe.gradients) == len(probe.weights)
    assert all((gradient == 0).all() for gradient in probe.gradients)


def test_nothing_of_a_network_stays_when_its_scores_are_known(case: Any) -> None:
    """The graph is freed with the probe, without waiting for Python's collector, which does not know how large it is."""
    gc.disable()
    try:
        probe = case.probe()
        for proxy in PROXIES.values():
            proxy.compute(probe)
        kept = weakref.ref(probe), weakref.ref(probe.network), weakref.ref(probe._forward[0])
        del probe
        assert [one() for one in kept] == [None, None, None]
    finally:
        gc.enable()
