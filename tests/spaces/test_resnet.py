"""Residual networks: their strings, neighbours, encodings and networks. The contract of spaces is in tests/testing."""

import numpy as np
import pytest

from mfsearch.errors import SpaceError
from mfsearch.networks.resnet import ResNet
from mfsearch.records import Architecture, Task
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.resnet import ResNetSpace, stages_of, widths_of

SPACE = ResNetSpace()
SOME = "16,12|8|16,16,9|10"


def test_widths_are_sixteenths_of_the_stages():
    some = SPACE.parse(SOME)
    assert stages_of(some) == ((16, 12), (8,), (16, 16, 9), (10,))
    assert widths_of(some) == [[32, 24], [32], [128, 128, 72], [160]]
    assert widths_of(some, 8) == [[8, 6], [8], [32, 32, 18], [40]]
    assert widths_of(SPACE.parse("9|9|9|9"), 4) == [[2], [5], [9], [18]]  # 2.25, 4.5, 9, 18


def test_neighbours_are_mutual_and_one_step_away():
    some = SPACE.parse(SOME)
    near = {a.key for a in SPACE.neighbours(some)}
    # 7 widths, of which 3 can only fall and 1 can only rise; 4 stages can grow by 9 widths, 2 can shrink.
    assert len(near) == 2 * 7 - 4 + 4 * 9 + 2
    assert {"16,11|8|16,16,9|10", "16|8|16,16,9|10", "16,12|8,13|16,16,9|10"} <= near
    assert not {"12|8|16,16,9|10", "16,10|8|16,16,9|10"} & near
    assert all(some in SPACE.neighbours(other) for other in SPACE.neighbours(some))
    full = SPACE.parse("|".join([",".join(["16"] * 5)] * 4))
    assert len(SPACE.neighbours(full)) == 20 + 4


def test_encoding():
    row = SPACE.encode([SPACE.parse(SOME)])[0]
    np.testing.assert_allclose(row[:4], [0.25, 0.0, 0.5, 0.0])
    np.testing.assert_allclose(row[4:9], [1.0, 0.5, 0.75, 0.75, 0.75])  # blocks that are not there: the stage's mean
    np.testing.assert_allclose(row[9:14], 0.0)


def test_depths_and_widths_are_drawn_uniformly():
    drawn = [stages_of(a) for a in SPACE.sample(3000, np.random.default_rng(0))]
    depths = np.bincount([len(stage) for stages in drawn for stage in stages], minlength=6)
    widths = np.bincount([width for stages in drawn for stage in stages for width in stage], minlength=17)
    np.testing.assert_allclose(depths[1:] / depths.sum(), 0.2, atol=0.02)
    np.testing.assert_allclose(widths[8:] / widths.sum(), 1 / 9, atol=0.01)


def test_the_network_is_the_tasks():
    task = Task("digits", (1, 16, 16), 10, {}, network={"channels": 8})
    network = SPACE.build(SPACE.parse(SOME), task)
    assert isinstance(network, ResNet)
    assert network.widths == ((8, 6), (8,), (32, 32, 18), (40,))
    assert SPACE.counts(SPACE.parse(SOME), task)["params"] == sum(weights.numel() for weights in network.parameters())
    assert SPACE.counts(SPACE.parse(SOME), task)["flops"] > SPACE.counts(SPACE.parse("8|8|8|8"), task)["flops"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("16|16|16", "4 stages; got 3"),
        ("16|16|16|7", "stage 4 must have 8 to 16 sixteenths; got 7"),
        ("16,16,16,16,16,16|16|16|16", "stage 1 must have 1 to 5 blocks; got 6"),
        ("16||16|16", "whole numbers"),
        ("wide|16|16|16", "whole numbers"),
    ],
)
def test_what_is_wrong_is_said(text, says):
    with pytest.raises(SpaceError, match=says):
        SPACE.parse(text)


def test_architectures_of_other_spaces_are_refused():
    (cell,) = NASBench201Space().sample(1, np.random.default_rng(0))
    for other in (cell, Architecture("resnet", (16,), "16")):
        with pytest.raises(SpaceError, match="must be a residual network"):
            SPACE.encode([other])


@pytest.mark.parametrize("network", [{"width": 8}, {"channels": 0}, {"channels": 2.5}, {"channels": True}])
def test_wrong_settings_of_the_network_are_refused(network):
    with pytest.raises(SpaceError, match="'channels', a whole number of 1 or more"):
        SPACE.build(SPACE.parse(SOME), Task("digits", (1, 16, 16), 10, {}, network=network))
