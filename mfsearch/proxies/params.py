"""Number of parameters."""

from __future__ import annotations

from mfsearch.proxies.probe import Probe, Proxy


def params(probe: Probe) -> float:
    """Number of trainable parameters."""
    return float(sum(parameter.numel() for parameter in probe.network.parameters() if parameter.requires_grad))


PARAMS = Proxy("params", params, trusted=True, free=True)
