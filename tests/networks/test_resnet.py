"""The network against one written with plain functions, and its counts against the built module's."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfsearch.errors import SpaceError
from mfsearch.networks.resnet import ResNet, count_flops, count_parameters

NARROWING = [[6, 4, 5], [8], [7, 9], [16]]


def normed(x: Tensor, norm: Any) -> Tensor:
    return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True)


def naive(network: Any, x: Tensor) -> Tensor:
    """Block by block in train mode, shortcuts padded and cut channel by channel."""
    x = F.relu(normed(F.conv2d(x, network.stem[0].weight, padding=1), network.stem[1]))
    for number, stage in enumerate(network.stages):
        for place, block in enumerate(stage):
            stride = 2 if number and not place else 1
            inner = F.relu(normed(F.conv2d(x, block.conv1.weight, stride=stride, padding=1), block.norm1))
            inner = normed(F.conv2d(inner, block.conv2.weight, padding=1), block.norm2)
            shortcut = torch.zeros_like(inner)
            for channel in range(min(inner.shape[1], x.shape[1])):
                for row in range(inner.shape[2]):
                    for column in range(inner.shape[3]):
                        window = x[:, channel, stride * row : stride * (row + 1), stride * column : stride * (column + 1)]
                        shortcut[:, channel, row, column] = window.amax((1, 2))
            x = F.relu(inner + shortcut)
    return F.linear(x.mean((2, 3)), network.classifier.weight, network.classifier.bias)


@pytest.mark.parametrize("side", [8, 11])
@pytest.mark.parametrize("widths", [NARROWING, [[4], [8], [16], [32]]], ids=["narrowing", "shallow"])
def test_the_function(widths, side):
    network = ResNet(widths, 3, 7, stem=5).double()
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    images = torch.randn(4, 3, side, side, dtype=torch.float64)
    torch.testing.assert_close(network(images), naive(network, images))


def test_features_are_one_a_stage_whatever_the_depth():
    shapes = [(4, 8, 8), (5, 8, 8), (8, 4, 4), (9, 2, 2), (16, 1, 1)]
    *maps, pooled, logits = ResNet(NARROWING, 1, 3, stem=4).forward_features(torch.randn(2, 1, 8, 8))
    assert [tuple(each.shape[1:]) for each in maps] == shapes
    assert (pooled.shape, logits.shape) == ((2, 16), (2, 3))
    assert len(ResNet([[4], [8], [16], [32]], 1, 3).forward_features(torch.randn(2, 1, 8, 8))) == len(maps) + 2


@pytest.mark.parametrize("side", [9, 32])
def test_counts_are_those_of_the_module(side):
    network = ResNet(NARROWING, 3, 10, stem=6)
    assert count_parameters(NARROWING, 3, 10, 6) == sum(weights.numel() for weights in network.parameters())
    counted = []

    def count(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            counted.append(out[0].numel() * module.in_channels * 9)
        elif isinstance(module, nn.BatchNorm2d):
            counted.append(2 * out[0].numel())
        elif isinstance(module, nn.Linear):
            counted.append(module.in_features * module.out_features)

    for module in network.modules():
        module.register_forward_hook(count)
    last = network.forward_features(torch.randn(1, 3, side, side))[-3]
    assert count_flops(NARROWING, (3, side, side), 10, 6) == sum(counted) + last.numel()


@pytest.mark.parametrize("widths", [[[4], [8], [16]], [[4], [], [8], [8]], [[4], [8], [0], [8]]])
def test_wrong_widths_are_refused(widths):
    with pytest.raises(SpaceError, match="4 stages of one or more blocks"):
        ResNet(widths, 3, 10)
