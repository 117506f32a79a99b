"""Ready-made problems with their oracle."""

from __future__ import annotations

from collections.abc import Callable

from mfsearch.problems.base import Problem
from mfsearch.problems.cifar10 import cifar10
from mfsearch.problems.digits import digits
from mfsearch.problems.kd_table import kd_table
from mfsearch.problems.measured import measured
from mfsearch.problems.mfkd import mobilenetv2, nst240
from mfsearch.problems.synthetic import borehole, branin, currin, hartmann6

PROBLEMS: dict[str, Callable[..., Problem]] = {
    "digits": digits,
    "cifar10": cifar10,
    "kd-table": kd_table,
    "measured": measured,
    "mfkd-nst240": nst240,
    "mfkd-mobilenetv2": mobilenetv2,
    "branin": branin,
    "currin": currin,
    "borehole": borehole,
    "hartmann6": hartmann6,
}
