"""Norm of the gradient at initialisation."""

from __future__ import annotations

import math

from mfsearch.proxies.probe import Probe, Proxy


def grad_norm(probe: Probe) -> float:
    """Sum over the layers l of the Euclidean norm of dL/dW_l; undefined where no gradient reaches a weight.

    Source: Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """
    layers = (layer for part, copies in zip(probe.gradients, probe.copies, strict=True) for layer in part.chunk(copies))
    total = sum(layer.norm().item() for layer in layers)
    return total or math.nan


GRAD_NORM = Proxy("grad_norm", grad_norm)
