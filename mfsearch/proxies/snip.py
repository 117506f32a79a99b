"""Connection sensitivity at initialisation."""

from __future__ import annotations

import math

from mfsearch.proxies.probe import Probe, Proxy


def snip(probe: Probe) -> float:
    """Sum of |W * dL/dW| over all weights: the gradient of a mask of ones; undefined where no gradient reaches a weight.

    Source: Lee et al., "SNIP: Single-shot Network Pruning based on Connection Sensitivity", ICLR 2019.
    """
    total = sum((weight * gradient).abs().sum().item() for weight, gradient in zip(probe.weights, probe.gradients, strict=True))
    return total or math.nan


SNIP = Proxy("snip", snip)
