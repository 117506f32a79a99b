"""Every registered space, and the kinds that need arguments, under the space contract."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, EqualsCondition, Float, Integer

from mfsearch.records import Architecture
from mfsearch.spaces import SPACES
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.box import BoxSpace
from mfsearch.spaces.configspace import ConfigSpaceAdapter
from mfsearch.spaces.constrained import ConstrainedSpace, Constraint
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.resnet import ResNetSpace
from mfsearch.spaces.subset import SubsetSpace
from mfsearch.spaces.table import TableSpace
from mfsearch.testing.spaces import SpaceContract


def _hyperparameters() -> AbstractSearchSpace:
    space = ConfigurationSpace(space={"optimiser": ["sgd", "adam"], "nesterov": [True, False]}, seed=0)
    rate, layers, momentum = Float("rate", (1e-5, 1e-1), log=True), Integer("layers", (1, 8)), Float("momentum", (0.0, 0.99))
    space.add([rate, layers, momentum, EqualsCondition(momentum, space["optimiser"], "sgd")])
    return ConfigSpaceAdapter(space)


def _table() -> AbstractSearchSpace:
    rows = np.random.default_rng(0).random((60, 3))
    return TableSpace("table", {f"row-{i}": tuple(row) for i, row in enumerate(rows)})


def _few_convolutions() -> AbstractSearchSpace:
    return ConstrainedSpace(NASBench201Space(), [Constraint.parse("convs <= 3")], {"convs": _convs})


def _convs(architecture: Architecture) -> float:
    return float(architecture.genotype.count("nor_conv_3x3"))


def _measured() -> AbstractSearchSpace:
    """Half of the cells, in an order of its own."""
    cells = sorted(cell.key for a in NASBench201Space().enumerate() for cell in NASBench201Space().members(a)[::2])
    return NASBench201Space(np.random.default_rng(0).permutation(cells).tolist())


def _subset() -> AbstractSearchSpace:
    whole = NASBench201Space()
    every = whole.enumerate()
    return SubsetSpace(whole, [every[int(row)].key for row in np.random.default_rng(0).permutation(len(every))[:500]])


MAKERS: dict[str, Callable[[], AbstractSearchSpace]] = {
    "nasbench201": NASBench201Space,
    "resnet": ResNetSpace,
    "measured": _measured,
    "box": lambda: BoxSpace("plane", {"x": (-5.0, 10.0), "y": (0.0, 1e-3)}),
    "configspace": _hyperparameters,
    "table": _table,
    "subset": _subset,
    "constrained": _few_convolutions,
}


def test_every_registered_space_is_here() -> None:
    assert set(SPACES) <= set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
class TestEverySpace(SpaceContract):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name

    def make(self) -> AbstractSearchSpace:
        return MAKERS[self.name]()
