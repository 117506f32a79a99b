"""Networks with weights of unit variance, as some scores want them, and the last map before they are pooled."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd


def redrawn(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """A copy in train mode: weights of convolutions and linear layers standard normal, their biases 0, norms as they come.

    Args:
        network: Any network.
        generator: On the CPU, whatever the network's device: the same seed gives the same weights.
    """
    found = copy.deepcopy(network).train()
    with torch.no_grad():
        for module in found.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator))
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, _BatchNorm):
                module.reset_parameters()
    return found


def last_map(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The last feature map n x C x h x w that one of the network's layers hands on (a pooled one is none), and the logits."""
    maps = [images]

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if output.ndim == 4 and not isinstance(module, _AdaptiveAvgPoolNd):
            maps[0] = output

    leaves = [module for module in network.modules() if not any(True for _ in module.children())]
    hooks = [module.register_forward_hook(record) for module in leaves]
    try:
        logits = network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return maps[0], logits
