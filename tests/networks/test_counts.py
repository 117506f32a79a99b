"""Closed forms against hooks on the built network, and against the benchmark's table."""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mfsearch.errors import SpaceError
from mfsearch.networks.counts import count_flops, count_mobilenet_flops, count_parameters
from mfsearch.networks.nasbench201 import OPERATIONS, NASBench201Network
from mfsearch.proxies.flops import FLOPS
from mfsearch.proxies.probe import Probe

RANDOM = [tuple(OPERATIONS[i] for i in row) for row in np.random.default_rng(1).integers(5, size=(8, 6))]
SETTINGS = [
    {"channels": 16, "cells": 5, "reduction": "residual"},
    {"channels": 8, "cells": 1, "reduction": "light"},
    {"channels": 4, "cells": 2, "reduction": "residual"},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("operations", RANDOM)
def test_parameters_of_the_module(operations, settings):
    with torch.device("meta"):
        network = NASBench201Network(operations, 2, 7, **settings)
    assert count_parameters(operations, 2, 7, **settings) == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("settings", SETTINGS[1:])
@pytest.mark.parametrize("side", [16, 20])
def test_flops_of_the_module(settings, side):
    """Every edge is live here, so that hooks see all of them."""
    operations = ("nor_conv_3x3", "nor_conv_1x1", "skip_connect", "nor_conv_3x3", "avg_pool_3x3", "nor_conv_1x1")
    network = NASBench201Network(operations, 2, 7, **settings).eval()
    counted = [0]

    def hook(module, inputs, output):
        if isinstance(module, nn.Conv2d):
            counted[0] += output[0].numel() * module.weight[0].numel()
        elif isinstance(module, nn.BatchNorm2d):
            counted[0] += 2 * output[0].numel()
        elif isinstance(module, nn.Linear):
            counted[0] += module.weight.numel()
        elif module is network.head:
            counted[0] += output[0].numel()

    for module in network.modules():
        module.register_forward_hook(hook)
    network(torch.zeros(1, 2, side, side))
    assert count_flops(operations, (2, side, side), 7, **settings) == counted[0]


def mobilenet(stages, expansions, strides, classes, stem):
    """What the closed form is of, layer by layer."""

    def layer(before, after, kernel, stride=1, groups=1):
        return [nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(after)]

    layers, width = layer(3, stem, 3), stem
    for (channels, repeats), expansion, stride in zip(stages, expansions, strides, strict=False):
        for place in range(repeats):
            inside = width * expansion
            if expansion != 1:
                layers += layer(width, inside, 1)
            layers += [*layer(inside, inside, 3, stride if place == 0 else 1, groups=inside), *layer(inside, channels, 1)]
            width = channels
    if len(stages) > len(expansions):
        layers += layer(width, stages[-1][0], 1)
        width = stages[-1][0]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))


@pytest.mark.parametrize(
    "stages", [[(6, 2)], [(6, 1), (8, 3), (12, 2)], [(4, 3), (10, 1), (7, 2), (20, 4)]], ids=["one", "all", "and a convolution"]
)
def test_flops_of_inverted_residuals(stages):
    expansions, strides = (1, 6, 3), (1, 2, 2)
    network = mobilenet(stages, expansions, strides, 7, 5)
    expected = FLOPS.compute(Probe(network, torch.zeros(2, 3, 16, 16), torch.zeros(2, dtype=torch.int64)))
    assert count_mobilenet_flops(stages, expansions, strides, 7, 16, 5) == expected


def test_operations_are_checked():
    with pytest.raises(SpaceError, match="a cell must have 6 operations; got 1"):
        count_flops(("none",))


@pytest.mark.skipif("MFSEARCH_DATA" not in os.environ, reason="needs the benchmark's table")
def test_every_cell_of_the_benchmark():
    with gzip.open(Path(os.environ["MFSEARCH_DATA"]) / "nasbench201.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    cells = [[edge.split("~")[0] for node in row["arch"].split("+") for edge in node.strip("|").split("|")] for row in rows]
    assert len(cells) == 15_625
    np.testing.assert_allclose([count_parameters(c) / 1e6 for c in cells], [float(r["params_m"]) for r in rows], atol=1e-9)
    np.testing.assert_allclose([count_flops(c) / 1e6 for c in cells], [float(r["flops_m"]) for r in rows], atol=1e-9)
