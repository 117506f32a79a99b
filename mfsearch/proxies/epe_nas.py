"""How much alike an untrained network reacts to the images of one class."""

from __future__ import annotations

import math

import torch

from mfsearch.proxies.jacov import correlation
from mfsearch.proxies.probe import Probe, Proxy

_K = 1e-5
_MANY = 100


def epe_nas(probe: Probe) -> float:
    """Sum over the classes of |s_c|, where s_c is the sum of log(|r| + k) over the correlations r of the class's Jacobian rows, k = 1e-5.

    With more than 100 classes s_c is divided by the class's number of images, and the score is the mean of |s_c - s_c'| over all
    pairs of classes. Undefined where the output does not depend on an image.

    Source: Lopes, Alirezazadeh and Alexandre, "EPE-NAS: Efficient Performance Estimation Without Training for Neural Architecture
    Search", ICANN 2021.
    """
    found = correlation(probe.jacobian)
    if found is None:
        return math.nan
    scores = []
    for label in torch.unique(probe.labels):
        own = torch.nonzero(probe.labels == label)[:, 0]
        score = (found[own][:, own].abs() + _K).log().sum()
        scores.append(score / len(own) if probe.classes > _MANY else score)
    by_class = torch.stack(scores)
    if probe.classes > _MANY:
        return float((by_class[:, None] - by_class).abs().mean())
    return float(by_class.abs().sum())


EPE_NAS = Proxy("epe_nas", epe_nas)
