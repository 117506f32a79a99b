"""Whether the gradient flow would grow if weights were pruned."""

from __future__ import annotations

import math

from mfsearch.proxies.probe import Probe, Proxy


def grasp(probe: Probe) -> float:
    """-sum of W * (H g), H the Hessian of the loss and g its gradient; undefined where no gradient reaches a weight.

    Source: Wang, Zhang and Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020, without its
    temperature, as in Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """
    products = probe.hessian_gradients
    if not any(bool(product.any()) for product in products):
        return math.nan
    return -sum((weight * product).double().sum().item() for weight, product in zip(probe.weights, products, strict=True))


GRASP = Proxy("grasp", grasp, second_order=True)
