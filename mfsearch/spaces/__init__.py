"""Search spaces."""

from __future__ import annotations

from collections.abc import Callable

from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.resnet import ResNetSpace

# By name, those that need no arguments. Boxes, tables and ConfigSpace spaces are made from what the user gives.
SPACES: dict[str, Callable[[], AbstractSearchSpace]] = {"nasbench201": NASBench201Space, "resnet": ResNetSpace}
