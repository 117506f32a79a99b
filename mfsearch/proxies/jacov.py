"""How differently an untrained network reacts to different images."""

from __future__ import annotations

import math

import torch

from mfsearch.proxies.probe import Probe, Proxy

_K = 1e-5


def jacov(probe: Probe) -> float:
    """-sum(log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlation between the images' Jacobian rows, k = 1e-5.

    The correlation matrix is symmetric, so its eigenvalues are computed as real numbers. Undefined where the output does not
    depend on an image.

    Source: Mellor et al., "Neural Architecture Search without Training" (first version), 2020.
    """
    rows = probe.jacobian.double()
    rows = rows - rows.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()) or not bool(norms.isfinite().all()):
        return math.nan
    rows = rows / norms
    shifted = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0) + _K
    return -float((shifted.log() + 1 / shifted).sum())


JACOV = Proxy("jacov", jacov, trusted=True)
