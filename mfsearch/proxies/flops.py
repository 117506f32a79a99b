"""Number of operations of one forward pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mfsearch.proxies.probe import Probe, Proxy


def flops(probe: Probe) -> float:
    """Operations for one image: what the layers that are really called do.

    Counted as NAS-Bench-201's counter does: one for each multiply-accumulate of a convolution or linear layer, two for each
    output of a batch norm. Biases, pools, rectifiers and sums count nothing.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output.numel() * _operations_per_output(module)

    counted = [module for module in probe.network.modules() if isinstance(module, nn.Conv2d | nn.Linear | _BatchNorm)]
    hooks = [module.register_forward_hook(count) for module in counted]
    probe.network.eval()  # a single image has no batch statistics, and those of the probe must not move
    try:
        with torch.no_grad():
            probe.network(torch.zeros((1, *probe.input_shape), dtype=probe.images.dtype, device=probe.images.device))
    finally:
        probe.network.train()
        for hook in hooks:
            hook.remove()
    return float(total)


def _operations_per_output(module: nn.Module) -> int:
    if isinstance(module, nn.Conv2d):
        return module.weight[0].numel()
    if isinstance(module, nn.Linear):
        return module.in_features
    return 2


FLOPS = Proxy("flops", flops, trusted=True, free=True)
