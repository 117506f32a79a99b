"""Scores of one architecture: build it once, share its passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mfsearch.proxies.probe import Probe, Proxy
from mfsearch.proxies.reference import Reference


def score(
    model_factory: Callable[[], nn.Module],
    proxies: Sequence[Proxy],
    images: Tensor,
    labels: Tensor,
    seed: int,
    teacher: Reference | None = None,
) -> Mapping[str, float | None]:
    """Score a fresh network on one minibatch; forward and backward passes are shared by the proxies that need them.

    Args:
        model_factory: Builds the network from torch's global generator, which is seeded for it and put back afterwards.
        proxies: Which scores.
        images: Minibatch, n x channels x height x width; the network goes to its device.
        labels: n class numbers, int64.
        seed: Seed of the initialisation: the same seed gives the same scores.
        teacher: Whom `diswot` compares with; without one it is undefined.

    Returns:
        The figure of each proxy by name. None where it is undefined (not finite; a network whose output ignores its input):
        whoever ranks puts it last, the surrogate treats it as missing.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not those of all GPUs, which takes a millisecond
        probe = Probe(model_factory(), images, labels, seed, teacher)
        ordered = sorted(proxies, key=lambda proxy: not proxy.second_order)
        figures = {proxy.name: proxy.compute(probe) for proxy in ordered}
    return {proxy.name: figures[proxy.name] if math.isfinite(figures[proxy.name]) else None for proxy in proxies}
