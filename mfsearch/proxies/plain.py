"""How much the loss would change, in which direction, if all weights were scaled."""

from __future__ import annotations

import math

from mfsearch.proxies.probe import Probe, Proxy


def plain(probe: Probe) -> float:
    """Sum of W * dL/dW over all weights, signs kept; undefined where no gradient reaches a weight.

    Source: Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """
    pairs = list(zip(probe.weights, probe.gradients, strict=True))
    if not any(bool(gradient.any()) for _, gradient in pairs):
        return math.nan
    return sum((weight * gradient).double().sum().item() for weight, gradient in pairs)


PLAIN = Proxy("plain", plain)
