"""Ready-made problems with their oracle."""

from __future__ import annotations

from collections.abc import Callable

from mfsearch.problems.base import Problem
from mfsearch.problems.cifar10 import cifar10
from mfsearch.problems.digits import digits
from mfsearch.problems.measured import measured
from mfsearch.problems.synthetic import borehole, branin, currin, hartmann6

PROBLEMS: dict[str, Callable[..., Problem]] = {
    "digits": digits,
    "cifar10": cifar10,
    "measured": measured,
    "branin": branin,
    "currin": currin,
    "borehole": borehole,
    "hartmann6": hartmann6,
}
