"""How strongly an untrained network without its head answers to a small change of its input."""

from __future__ import annotations

import math

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from mfsearch.proxies.gaussian import last_map, redrawn
from mfsearch.proxies.probe import Probe, Proxy

_STEP = 0.01


def zen(probe: Probe) -> float:
    """Log of the mean |f(z) - f(z + 0.01 z')|, plus the sum over the batch norms of log sqrt(mean running variance).

    f is the last feature map before it is pooled, z and z' are normal noise in the shape of the minibatch, and all convolutions and
    linear layers have normal weights with unit variance. The running variances, from 1 and after both passes, make up for what the
    norms scale away. Undefined where nothing depends on the input.

    Source: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021.
    """
    generator = torch.Generator().manual_seed(probe.seed)
    network = redrawn(probe.network, generator)
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    with torch.no_grad():
        noise, step = (torch.randn(probe.images.shape, generator=generator).to(probe.images) for _ in range(2))
        before, after = (last_map(network, images)[0] for images in (noise, noise + _STEP * step))
        change = float((before - after).abs().double().mean())
        scale = sum(0.5 * math.log(float(norm.running_var.double().mean())) for norm in norms if norm.running_var is not None)
    return math.log(change) + scale if change > 0 else -math.inf


ZEN = Proxy("zen", zen)
