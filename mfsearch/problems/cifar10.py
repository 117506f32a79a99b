"""CIFAR-10 from local files: NAS-Bench-201's own networks and a whole ladder for a GPU, or a small setting that a processor can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from mfsearch.errors import ConfigError
from mfsearch.fidelities.distillation import Distillation, judge
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.problems.base import Problem
from mfsearch.problems.digits import CellSeconds
from mfsearch.records import Json, Objective, Task
from mfsearch.spaces.nasbench201 import NASBench201Space

PROXIES: Final = ("params", "flops", "synflow", "nwot", "jacov")


@dataclass(frozen=True)
class Size:
    """A setting.

    Attributes:
        data: Options of the data set `pictures`.
        network: The students' skeleton.
        teacher: The teacher's, its training included.
        few: Epochs of the low rung.
        full: Epochs of the target.
        batch: Pictures a step.
        seconds: For the low rung and the target, seconds of the emptiest cell and seconds for each root of a million operations;
            where a search begins, until it has measured its own.
        teacher_seconds: Seconds that the teacher is expected to take.
        proxy_seconds: Seconds of a score of one network.
    """

    data: Mapping[str, Json]
    network: Mapping[str, Json]
    teacher: Mapping[str, Json]
    few: int
    full: int
    batch: int
    seconds: tuple[tuple[float, float], tuple[float, float]]
    teacher_seconds: float
    proxy_seconds: float


SIZES: Final = {
    # 45,000 pictures to train on and 5,000 to validate on, distorted on the GPU as they are used.
    "full": Size(
        data={"val": 5_000, "epochs": 0},
        network={"channels": 16, "cells": 5, "reduction": "residual"},
        teacher={
            "channels": 32,
            "cells": 5,
            "reduction": "residual",
            "feature_epochs": 0,
            "training": {"epochs": 30, "batch": 256, "learning_rate": 0.2},
        },
        few=3,
        full=50,
        batch=256,
        seconds=((3.0, 0.7), (50.0, 10.0)),
        teacher_seconds=150.0,
        proxy_seconds=0.1,
    ),
    # To see that everything works, in a minute of one core.
    "small": Size(
        data={"train": 500, "val": 500, "test": 500, "epochs": 2},
        network={"channels": 4, "cells": 1, "reduction": "light"},
        teacher={"channels": 8, "cells": 1, "reduction": "light", "feature_epochs": 2, "training": {"epochs": 6}},
        few=1,
        full=4,
        batch=32,
        seconds=((0.3, 0.15), (1.0, 0.6)),
        teacher_seconds=8.0,
        proxy_seconds=0.03,
    ),
}


def cifar10(home: Path, data: str | None = None, size: str = "full") -> Problem:
    """The problem: zero-cost scores, few epochs of neuron-selectivity transfer, and full distillation.

    Args:
        home: Folder for the teacher.
        data: Local files of CIFAR-10 in any form that the data set `pictures` reads.
        size: `full` (networks of NAS-Bench-201's own size, for a GPU) or `small`.

    Raises:
        ConfigError: If `data` is missing, or the size is unknown.
    """
    if data is None:
        raise ConfigError(
            "problem 'cifar10' must be told where its files lie; got no 'data'. Nothing is downloaded: give --set data=FOLDER, "
            "with the official batches, Parquet files or an .npz."
        )
    if size not in SIZES:
        raise ConfigError(f"size must be one of {', '.join(SIZES)}; got {size!r}. Change 'problem.size'.")
    used = SIZES[size]
    task = Task("pictures", (3, 32, 32), 10, {"path": data, **used.data}, used.network, used.teacher)
    space = NASBench201Space()
    live = LiveTask(space, task, home)
    few, full = (CellSeconds(space, task, fixed, root) for fixed, root in used.seconds)
    rungs = FidelityLadder(
        [
            ZeroCost("proxies", PROXIES, live, seconds_per_proxy=used.proxy_seconds),
            Distillation(
                "nst",
                live,
                epochs=used.few,
                loss="nst",
                beta=1.0,
                batch=used.batch,
                signal="train_accuracy",
                expected_seconds=few,
                teacher_seconds=used.teacher_seconds,
            ),
            Distillation(
                "kd",
                live,
                epochs=used.full,
                loss="kd",
                alpha=0.5,
                temperature=6.0,
                batch=used.batch,
                expected_seconds=full,
                teacher_seconds=used.teacher_seconds,
            ),
        ]
    )
    return Problem(
        name="cifar10",
        space=space,
        ladder=rungs,
        objective=Objective("val_accuracy", "maximise", "percent"),
        task=task,
        recommend="evaluated",
        judge=partial(judge, live),
        description=f"NAS-Bench-201 cells on CIFAR-10 ({size} setting), trained with a teacher for {used.full} epochs.",
    )
