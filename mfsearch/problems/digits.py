"""The embedded problem: small NAS-Bench-201 cells on cluttered digits, every rung really computed on the CPU.

The recipe was chosen so that cells differ by more than their seeds do; see `mfsearch.datasets.digits` for the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mfsearch.datasets.digits import CLASSES, DigitsRecipe
from mfsearch.fidelities.dass import DaSS
from mfsearch.fidelities.distillation import Distillation, judge
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, Json, Objective, Task
from mfsearch.spaces.nasbench201 import NASBench201Space

NETWORK: Final[Mapping[str, Json]] = {"channels": 8, "cells": 1, "reduction": "light"}
PROXIES: Final = ("params", "flops", "synflow", "nwot")
NST_EPOCHS: Final = 3
KD_EPOCHS: Final = 50
TARGET_SEEDS: Final = 3


@dataclass(frozen=True)
class CellSeconds:
    """Expected device seconds of a training run, from what a cell computes; until a study has measured its own.

    They grow with the root of the operations: the larger a convolution, the better a processor is used.

    Attributes:
        space: The cells.
        task: Their skeleton and pictures.
        fixed: Seconds of the emptiest cell.
        root: Seconds for each root of a million operations of one picture.
    """

    space: NASBench201Space
    task: Task
    fixed: float
    root: float

    def __call__(self, architecture: Architecture) -> float:
        """Seconds of one run."""
        return self.fixed + self.root * math.sqrt(self.space.flops(architecture, self.task) / 1e6)


def digits(home: Path, data_seed: int = 0, **settings: Json) -> Problem:
    """The problem.

    Args:
        home: Folder for the caches of pictures and teacher.
        data_seed: Seed of the split of the digits and of the pictures.
        settings: Other fields of `mfsearch.datasets.digits.DigitsRecipe` (sizes, difficulty).
    """
    options: dict[str, Json] = {"seed": data_seed, **settings}
    size = settings.get("size", DigitsRecipe().size)
    shape = (1, int(str(size)), int(str(size)))
    teacher: dict[str, Json] = {"channels": 16, "cells": 1, "reduction": "light", "feature_epochs": NST_EPOCHS}
    task = Task("digits", shape, CLASSES, options, NETWORK, teacher)
    space = NASBench201Space()
    live = LiveTask(space, task, home)
    rungs = FidelityLadder(
        [
            ZeroCost("proxies", PROXIES, live),
            DaSS("dass", live, expected_seconds=0.02, teacher_seconds=15.0),
            Distillation(
                "nst",
                live,
                epochs=NST_EPOCHS,
                loss="nst",
                beta=1.0,
                signal="-train_loss",
                expected_seconds=CellSeconds(space, task, 0.24, 0.28),
                teacher_seconds=15.0,
            ),
            Distillation(
                "kd",
                live,
                epochs=KD_EPOCHS,
                loss="kd",
                alpha=0.5,
                temperature=6.0,
                expected_seconds=CellSeconds(space, task, 1.0, 4.4),
                teacher_seconds=15.0,
                seeds=TARGET_SEEDS,
            ),
        ]
    )
    return Problem(
        name="digits",
        space=space,
        ladder=rungs,
        objective=Objective("val_accuracy", "maximise", "percent"),
        task=task,
        recommend="evaluated",
        judge=partial(judge, live),
        description="NAS-Bench-201 cells with 8 channels, trained with a teacher on cluttered 16x16 digits.",
    )
