"""The network against a naive one with six separate edges, and against what the benchmark says of its cells."""

import csv
import gzip
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from mfsearch.errors import SpaceError
from mfsearch.networks.nasbench201 import EDGES, KERNELS, OPERATIONS, NASBench201Network, live_nodes

CELLS: list[tuple[str, ...]] = [
    ("nor_conv_3x3",) * 6,
    ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_1x1", "skip_connect", "avg_pool_3x3", "nor_conv_1x1"),
    ("skip_connect", "avg_pool_3x3", "avg_pool_3x3", "avg_pool_3x3", "skip_connect", "skip_connect"),
    ("nor_conv_3x3", "nor_conv_3x3", "none", "nor_conv_1x1", "none", "avg_pool_3x3"),  # node 1 leads nowhere
    ("none", "none", "nor_conv_3x3", "none", "nor_conv_1x1", "nor_conv_3x3"),  # the input reaches nothing
    ("nor_conv_1x1", "nor_conv_3x3", "skip_connect", "none", "none", "none"),  # the output hears nothing
]
RANDOM = [tuple(OPERATIONS[i] for i in row) for row in np.random.default_rng(0).integers(5, size=(12, 6))]


def naive(cell: Any, operations: tuple[str, ...], x: Tensor) -> Tensor:
    """Six edges one after the other, each with its own slice of the cell's weights, in train mode."""
    taken: dict[str, int] = {}
    nodes = [x, torch.zeros_like(x), torch.zeros_like(x), torch.zeros_like(x)]
    channels = x.shape[1]
    live = live_nodes(operations)
    # Slices lie in the order of their targets.
    for (target, source), operation in zip(EDGES, operations, strict=True):
        value = nodes[source]
        if operation in KERNELS:
            kernel = KERNELS[operation]
            name = f"{'node' if target in live else 'idle'}{source}_{kernel}x{kernel}"
            convolution, norm = cell.convolutions[name]
            start = taken.get(name, 0)
            taken[name] = start + channels
            weight = convolution.weight[start : start + channels]
            scale, shift = norm.weight[start : start + channels], norm.bias[start : start + channels]
            out = F.batch_norm(F.conv2d(F.relu(value), weight, padding=kernel // 2), None, None, scale, shift, training=True)
        elif operation == "skip_connect":
            out = value
        elif operation == "avg_pool_3x3":
            ones = torch.ones_like(value)
            out = F.avg_pool2d(F.pad(value, (1,) * 4), 3, 1) / F.avg_pool2d(F.pad(ones, (1,) * 4), 3, 1)
        else:
            out = torch.zeros_like(value)
        nodes[target] = nodes[target] + out
    return nodes[3]


@pytest.mark.parametrize("operations", CELLS + RANDOM, ids=lambda ops: "-".join(op[-3:] for op in ops))
def test_a_cell_computes_six_edges(operations):
    network = NASBench201Network(operations, 1, 10, channels=4, cells=1, reduction="light").double()
    cell = network.blocks[0]
    for norm in (module for module in cell.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = torch.randn(3, 4, 7, 7, dtype=torch.float64)
    torch.testing.assert_close(cell(x), naive(cell, operations, x))


def test_residual_reduction():
    network = NASBench201Network(CELLS[0], 1, 10, channels=4, cells=1).double()
    block = network.blocks[1]
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    convs = [module.weight for module in block.modules() if isinstance(module, nn.Conv2d)]
    assert [tuple(w.shape) for w in convs] == [(8, 4, 3, 3), (8, 8, 3, 3), (8, 4, 1, 1)]
    inner = F.batch_norm(F.conv2d(F.relu(x), convs[0], stride=2, padding=1), None, None, training=True)
    main = F.batch_norm(F.conv2d(F.relu(inner), convs[1], padding=1), None, None, training=True)
    torch.testing.assert_close(block(x), main + F.conv2d(F.avg_pool2d(x, 2), convs[2]))


def test_light_reduction():
    block = NASBench201Network(CELLS[0], 1, 10, channels=4, cells=1, reduction="light").double().blocks[1]
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    (weight,) = [module.weight for module in block.modules() if isinstance(module, nn.Conv2d)]
    expected = F.batch_norm(F.conv2d(F.avg_pool2d(x, 2), weight), None, None, training=True)
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("reduction", ["residual", "light"])
def test_features(reduction):
    network = NASBench201Network(CELLS[1], 3, 7, channels=4, cells=2, reduction=reduction).eval()
    images = torch.randn(2, 3, 16, 16)
    features = network.forward_features(images)
    sides = [(4, 16)] * 3 + [(8, 8)] * 3 + [(16, 4)] * 3  # stem and two cells; each reduction and two cells
    assert [tuple(f.shape) for f in features] == [(2, c, s, s) for c, s in sides] + [(2, 16), (2, 7)]
    torch.testing.assert_close(features[-1], network(images))


def test_idle_edges_keep_their_parameters_and_get_no_gradient():
    network = NASBench201Network(CELLS[3], 1, 10, channels=4, cells=1, reduction="light")
    network(torch.randn(2, 1, 8, 8)).sum().backward()
    idle = [p for name, p in network.named_parameters() if "idle" in name]
    assert idle and all(p.grad is None for p in idle)


def test_rectifiers_are_modules_one_a_node():
    cell = NASBench201Network(CELLS[0], 1, 10, cells=1, reduction="light").blocks[0]
    assert sum(isinstance(module, nn.ReLU) for module in cell.modules()) == 3


def test_weights_go_through_safetensors(tmp_path: Path):
    network, other = (NASBench201Network(CELLS[1], 1, 10, channels=4, cells=1, reduction="light").eval() for _ in range(2))
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    images = torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(other(images), network(images))


def test_weights_are_drawn_edge_by_edge():
    """Fan-in counts one edge, so a merged convolution starts like separate ones."""
    cell: Any = NASBench201Network(CELLS[0], 1, 10, channels=8, cells=1, reduction="light").blocks[0]
    bound = 1 / (8 * 9) ** 0.5
    assert bound * 0.9 < cell.convolutions["node0_3x3"][0].weight.abs().max().item() <= bound


@pytest.mark.parametrize(
    ("operations", "expected"),
    [(CELLS[0], {0, 1, 2, 3}), (CELLS[3], {0, 2, 3}), (CELLS[4], {1, 2, 3}), (CELLS[5], {3})],
)
def test_live_nodes(operations, expected):
    assert live_nodes(operations) == expected


@pytest.mark.parametrize(
    ("operations", "reduction", "message"),
    [
        (("none",) * 5, "light", "a cell must have 6 operations; got 5."),
        (("none",) * 5 + ("conv",), "light", "an operation must be one of none, .*; got 'conv'."),
        (("none",) * 6, "heavy", "reduction must be 'residual' or 'light'; got 'heavy'."),
    ],
)
def test_what_is_wrong_is_said(operations, reduction, message):
    with pytest.raises(SpaceError, match=message):
        NASBench201Network(operations, 1, 10, reduction=reduction)


@pytest.mark.skipif("MFSEARCH_DATA" not in os.environ, reason="needs the benchmark's table")
def test_parameters_are_the_benchmarks():
    with gzip.open(Path(os.environ["MFSEARCH_DATA"]) / "nasbench201.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    for row in rows[:: len(rows) // 20]:
        operations = [edge.split("~")[0] for node in row["arch"].split("+") for edge in node.strip("|").split("|")]
        with torch.device("meta"):
            network = NASBench201Network(operations, 3, 10)
        assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(float(row["params_m"]), abs=1e-9)
