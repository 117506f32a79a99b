"""How well the rectifiers of an untrained network tell images apart."""

from __future__ import annotations

import math

import torch

from mfsearch.proxies.probe import Probe, Proxy


def nwot(probe: Probe) -> float:
    """Log |det K|, where K[i, j] counts the rectifier units that agree on images i and j.

    With codes x in {0, 1}, K is the sum over rectifiers of x x' + (1 - x)(1 - x)'; one that several layers share counts for each.
    Undefined where two images share their codes, and for a network without `nn.ReLU` modules.

    Source: Mellor et al., "Neural Architecture Search without Training", ICML 2021.
    """
    n = len(probe.images)
    kernel = torch.zeros((n, n), dtype=torch.float64, device=probe.images.device)
    for rectifiers, code in probe.codes:
        sign = code.float().mul_(2).sub_(1)
        # Agreements minus disagreements is sign sign', agreements plus disagreements is the width; whole numbers below 2^24.
        kernel += rectifiers * (sign @ sign.T + code.shape[1]).double() / 2
    # Equal codes make rows equal; rounding in the determinant could hide that.
    if len(torch.unique(kernel, dim=0)) < n:
        return -math.inf
    return float(torch.linalg.slogdet(kernel).logabsdet)


NWOT = Proxy("nwot", nwot, trusted=True)
