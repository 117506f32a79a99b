"""Synaptic flow: how much passes through the network when every weight is made positive."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from mfsearch.proxies.probe import Probe, Proxy


def synflow(probe: Probe) -> float:
    """Logarithm of the sum of |W * dR/dW|, R the sum of the outputs for one image of ones; no data, no labels.

    Parameters enter by their absolute value, and batch norms are passed by, since they would scale the flow away. The sum grows
    exponentially with depth: hence float64, and the logarithm. Undefined where nothing flows.

    Source: Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow", NeurIPS 2020.
    """
    # Copies in float64 stand in for the parameters, so that the probe's network stays as it is.
    positive = {
        name: parameter.detach().abs().double().requires_grad_(name in probe.weight_names)
        for name, parameter in probe.network.named_parameters()
    }
    weights = [positive[name] for name in probe.weight_names]
    ones = torch.ones((1, *probe.input_shape), dtype=torch.float64, device=probe.images.device)
    with _without_norms(probe.network):
        total = functional_call(probe.network, positive, (ones,)).sum()
    gradients = torch.autograd.grad(total, weights, materialize_grads=True)
    flow = sum((weight.detach() * gradient).abs().sum().item() for weight, gradient in zip(weights, gradients, strict=True))
    return math.log(flow) if flow > 0 else -math.inf


@contextmanager
def _without_norms(network: nn.Module) -> Iterator[None]:
    # A hook cannot do this: the norm itself would still run, on buffers of another precision.
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.forward = _identity  # type: ignore[assignment]  # for this pass only
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _identity(x: Tensor) -> Tensor:
    return x


SYNFLOW = Proxy("synflow", synflow, trusted=True)
