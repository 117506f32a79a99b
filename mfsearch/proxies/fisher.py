"""How much the loss would change if channels were pruned."""

from __future__ import annotations

import math

from mfsearch.proxies.probe import Probe, Proxy


def fisher(probe: Probe) -> float:
    """Sum over the weights of the saliency of the channel that they make.

    The saliency of a channel with activations a is the mean over the images of (sum over positions of a dL/da)^2, halved; it counts
    once for each of the channel's weights. Undefined where no gradient reaches a weight.

    Source: Turner et al., "BlockSwap: Fisher-guided Block Substitution for Network Compression on a Budget", ICLR 2020, in the form
    of Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """
    if not any(bool(gradient.any()) for gradient in probe.gradients):
        return math.nan
    return sum(
        saliency.double().sum().item() * weight[0].numel()
        for weight, saliency in zip(probe.weights, probe.saliencies, strict=True)
    )


FISHER = Proxy("fisher", fisher)
