"""A whole distillation ladder, really measured and shipped: cells of NAS-Bench-201 on cluttered digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mfsearch.problems.base import Problem
from mfsearch.problems.measured import MakeSpace, measured

TABLE: Final = Path(__file__).with_name("kd_table.parquet")
"""What `mfsearch table build digits-ladder --architectures 1000 --best 10` measured; `dass` came later, by `--from`."""

USUAL: Final = {"proxies": ("params", "flops", "synflow", "nwot"), "diswot": ("diswot",), "dass": ("dass",)}
"""Score rung -> the scores that a search begins with."""


def kd_table(
    make_space: MakeSpace,
    rungs: Sequence[str] = ("proxies", "nst1", "nst3", "kd50"),
    proxies: Sequence[str] | None = None,
    signals: Mapping[str, str] | None = None,
) -> Problem:
    """Cells of NAS-Bench-201, every rung measured on each of them, searched in simulated seconds.

    The target is the mean validation accuracy of two distillations of 50 epochs; the low rungs are one and three epochs of NST
    distillation, their values minus the training loss. The teacher is charged to every search. The cells are a random sample of the
    space's classes, and all one-edge neighbours of the ten best of them, so that a local search has somewhere to go.

    Args:
        make_space: Builds the space that the table's config names.
        rungs: Cheapest first, the target last; `diswot`, `dass`, `ce1`, `ce3` and `ce50` (labels alone) are there as well.
        proxies: Which scores; None for `USUAL` of those that the rungs in use have.
        signals: Rung -> the figure that is its value, such as `{nst3: val_accuracy}`.

    Raises:
        ConfigError: If a rung, score or signal is not in the table.
    """
    if proxies is None:
        proxies = [score for rung in rungs for score in USUAL.get(rung, ())]
    return measured(TABLE, make_space, rungs, proxies, signals, name="kd-table")
