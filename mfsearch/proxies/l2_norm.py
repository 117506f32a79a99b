"""Norm of the weights at initialisation: a smooth count of them, which needs no data."""

from __future__ import annotations

from mfsearch.proxies.probe import Probe, Proxy


def l2_norm(probe: Probe) -> float:
    """Sum over the layers l of the Euclidean norm of W_l.

    Source: Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """
    layers = (layer for weight, copies in zip(probe.weights, probe.copies, strict=True) for layer in weight.chunk(copies))
    return float(sum(layer.norm().item() for layer in layers))


L2_NORM = Proxy("l2_norm", l2_norm)
