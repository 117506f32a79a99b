"""How strongly an untrained network without its head answers to a small change of its input."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd

from mfsearch.proxies.probe import Probe, Proxy

_STEP = 0.01


def zen(probe: Probe) -> float:
    """Log of the mean |f(z) - f(z + 0.01 z')|, plus the sum over the batch norms of log sqrt(mean running variance).

    f is the last feature map before it is pooled, z and z' are normal noise in the shape of the minibatch, and all convolutions and
    linear layers have normal weights with unit variance. The running variances, from 1 and after both passes, make up for what the
    norms scale away. Undefined where nothing depends on the input.

    Source: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021.
    """
    network = copy.deepcopy(probe.network)
    generator = torch.Generator().manual_seed(probe.seed)
    norms = []
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, _BatchNorm):
                module.reset_parameters()
                norms.append(module)
        noise, step = (torch.randn(probe.images.shape, generator=generator).to(probe.images) for _ in range(2))
        before, after = (_last_map(network, images) for images in (noise, noise + _STEP * step))
        change = float((before - after).abs().double().mean())
        scale = sum(0.5 * math.log(float(norm.running_var.double().mean())) for norm in norms if norm.running_var is not None)
    return math.log(change) + scale if change > 0 else -math.inf


def _last_map(network: nn.Module, images: Tensor) -> Tensor:
    """The last feature map, n x C x h x w, that one of the network's layers hands on; a pooled one is none."""
    maps = [images]

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.ndim == 4 and not isinstance(module, _AdaptiveAvgPoolNd):
            maps[0] = output

    leaves = [module for module in network.modules() if not any(True for _ in module.children())]
    hooks = [module.register_forward_hook(record) for module in leaves]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return maps[0]


ZEN = Proxy("zen", zen)
