"""How differently an untrained network reacts to different images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mfsearch.proxies.probe import Probe, Proxy

_K = 1e-5


def jacov(probe: Probe) -> float:
    """-sum(log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlation between the images' Jacobian rows, k = 1e-5.

    The correlation matrix is symmetric, so its eigenvalues are computed as real numbers. Undefined where the output does not
    depend on an image.

    Source: Mellor et al., "Neural Architecture Search without Training" (first version), 2020.
    """
    found = correlation(probe.jacobian)
    if found is None:
        return math.nan
    shifted = torch.linalg.eigvalsh(found).clamp_min(0) + _K
    return -float((shifted.log() + 1 / shifted).sum())


def correlation(jacobian: Tensor) -> Tensor | None:
    """Correlations between the rows of a matrix, n x n in float64; None where a row is constant or not finite."""
    rows = jacobian.double()
    rows = rows - rows.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()) or not bool(norms.isfinite().all()):
        return None
    rows = rows / norms
    correlations: Tensor = rows @ rows.T
    return correlations


JACOV = Proxy("jacov", jacov, trusted=True)
