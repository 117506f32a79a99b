"""MF-KD's pipeline itself, with networks that are really trained: `mfsearch reproduce mfkd live`.

Two searches by MF-KD's schedule (Trofimov et al., 2020) that differ in their low fidelity alone: an epoch of NST below a teacher, and an
epoch of cross-entropy. Both begin with the same random cells, so that what the two epochs say of the same cells can be compared with
what NAS-Bench-201 measured after 200. The high fidelity is the benchmark's own run of twelve epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from mfsearch.allocation.base import Proposal, State
from mfsearch.allocation.mfkd import MFKD
from mfsearch.errors import ConfigError, DataError
from mfsearch.execution.serial import SerialExecutor
from mfsearch.fidelities.distillation import Distillation
from mfsearch.fidelities.live import LiveTask
from mfsearch.interrupts import stoppable
from mfsearch.problems.base import Problem
from mfsearch.problems.tabular import tabular
from mfsearch.records import Json, Task
from mfsearch.reproduce.verdict import LOSSES, Live, summarise
from mfsearch.store.events import Event, EventKind
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.study import Study
from mfsearch.tables.importing import import_nasbench201
from mfsearch.tables.table import table_names

TEACHER: Final = ("nor_conv_3x3", "none", "nor_conv_3x3", "skip_connect", "none", "skip_connect")
"""NAS-Bench-201's cell that computes a residual block."""
BETA: Final = 25.0
TABLE: Final = "nasbench201"
_ENDLESS: Final = 1e9  # seconds: what ends these searches is a number of runs


@dataclass(frozen=True)
class Size:
    """A setting.

    Attributes:
        data: Options of the data set `pictures`.
        channels: Of the first stage, in all networks.
        cells: Cells a stage; with the two reduction blocks, 3 x cells + 2 feature maps are matched.
        batch: Pictures a step.
        teacher_epochs: How long the teacher learns.
        low: Random cells that are trained for an epoch.
        high: How many of them have their run of twelve epochs looked up.
        chosen: Cells that the search then chooses for such a run.
    """

    data: Mapping[str, Json]
    channels: int
    cells: int
    batch: int
    teacher_epochs: int
    low: int
    high: int
    chosen: int


SIZES: Final = {
    "cpu": Size({"train": 4_000, "val": 1_000, "test": 1_000, "epochs": 12}, 8, 1, 64, 12, 60, 12, 8),
    # The benchmark's own networks and split, all 17 maps, the teacher of 200 epochs, the paper's warm-up.
    "cuda": Size({"train": 25_000, "val": 5_000, "epochs": 0}, 16, 5, 256, 200, 100, 20, 20),
}


def sized(device: str, cells: int | None = None) -> Size:
    """The setting of a device, with another number of random cells; as many of them as before are looked up, in proportion.

    Raises:
        ConfigError: If torch has no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device must be there; got cuda, and torch finds none. Take cpu.")
    size = SIZES[device]
    return size if cells is None else replace(size, low=cells, high=max(2, round(cells * size.high / size.low)))


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        size: How large.
        home: Folder of tables and teachers.
        data: Pictures of CIFAR-10, in any form that the data set `pictures` reads.
        device: torch device.
        seed: Of everything random.
        beta: Weight of NST beside the labels.
    """

    size: Size
    home: Path
    data: Path
    device: str = "cpu"
    seed: int = 0
    beta: float = BETA

    @property
    def task(self) -> Task:
        """CIFAR-10, students, and a teacher with the same skeleton."""
        size = self.size
        network: dict[str, Json] = {"channels": size.channels, "cells": size.cells, "reduction": "residual"}
        teacher: dict[str, Json] = {
            **network,
            "operations": list(TEACHER),
            "training": {"epochs": size.teacher_epochs, "batch": size.batch},
            "feature_epochs": 1 if size.data.get("epochs") else 0,
        }
        return Task("pictures", (3, 32, 32), 10, {"path": str(self.data), **size.data}, network, teacher)

    @property
    def kept(self) -> dict[str, Any]:
        """What must agree for a stopped search to go on."""
        kept = {"size": asdict(self.size), "device": self.device, "seed": self.seed, "beta": self.beta}
        return {**kept, "data": self.data.name}


def prepare_table(home: Path, data: Path, say: Callable[[str], None]) -> None:
    """See to it that NAS-Bench-201 is imported: from a CSV file beside the pictures where it was not yet.

    Raises:
        DataError: If it is nowhere.
    """
    if TABLE in table_names(home):
        return
    for source in (data / f"{TABLE}.csv.gz", data / f"{TABLE}.csv"):
        if source.is_file():
            say(f"Importing {source.name} as table {TABLE}.")
            import_nasbench201(home, source, TABLE)
            return
    raise DataError(
        f"NAS-Bench-201 must be imported, for what cells reach after 200 epochs; it is not, and {data} holds no {TABLE}.csv.gz. "
        "Run: mfsearch data import nasbench201 SOURCE"
    )


def live(setting: Setting, out: Path, say: Callable[[str], None]) -> Live:
    """Both searches, or what is missing of them.

    Args:
        setting: What is run.
        out: Folder of the studies; a stopped search goes on from there.
        say: Told every run.

    Raises:
        DataError: If the table or the pictures cannot be used.
        ConfigError: If the folder holds searches with another setting.
        SearchFailedError: If hardly a training comes to an end.
        InterruptedSearchError: On Ctrl-C or SIGTERM; what is finished is kept.
    """
    table = tabular(setting.home, TABLE, "cifar10", proxies=[], schedules=[12, 200])
    kept = f"interrupted; what is finished is kept in {out}. Run the same command again to go on."
    with closing(EventStore(f"sqlite:///{(out / 'studies.db').absolute()}")) as store, stoppable(kept):
        studies = {loss: _search(loss, setting, table, store, out, say) for loss in LOSSES}
    return summarise(studies, table)


class _Counted(MFKD):
    """MF-KD's schedule for a number of runs."""

    def __init__(self, size: Size) -> None:
        super().__init__(size.low, size.high)
        self.runs = size.low + size.high + size.chosen

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """As the schedule, until all runs are made."""
        left = self.runs - len(state.observations) - len(state.pending)
        return super().propose(state, min(n, left), rng) if left > 0 else Proposal(reason="all runs are made")


def _search(loss: str, setting: Setting, table: Problem, store: EventStore, out: Path, say: Callable[[str], None]) -> Study:
    """The schedule over an epoch with this loss and the benchmark's twelve."""
    epoch = Distillation(
        f"{loss}1",
        LiveTask(table.space, setting.task, setting.home),
        epochs=1,
        loss=loss,
        beta=setting.beta if loss == "nst" else None,
        batch=setting.size.batch,
        signal="train_accuracy",
        validate=True,
        keep_weights=False,
        expected_seconds=10.0,
        teacher_seconds=60.0,
    )
    policy = _Counted(setting.size)

    def told(event: Event, state: StudyState) -> None:
        if event.kind is EventKind.PREPARED:
            say(f"teacher: {state.prepared[-1].seconds:.0f} s")
        elif event.kind is EventKind.TOLD:
            seen = state.observations[-1]
            figure = seen.message if seen.value is None else f"{seen.value:.2f}"
            say(
                f"[{len(state.observations)}/{policy.runs}] {seen.query.rung}, {seen.query.architecture.key}: {figure}, {seen.seconds:.1f} s"
            )

    begun = loss in store.names()
    study = Study(
        table.space,
        [epoch, table.ladder.evaluations[0]],
        None if begun else _ENDLESS,
        objective=table.objective,
        policy=policy,
        seed=setting.seed,
        name=loss,
        store=store,
        executor=SerialExecutor("wall" if setting.device != "cpu" else "cpu"),
        workdir=out / loss,
        device=setting.device,
        config=setting.kept,
        listeners=[told],
        resume=begun,
    )
    if study.state.settings["config"] != setting.kept:
        raise ConfigError(f"{out} must hold searches of this setting; it holds others. Use another --out.")
    study.run()
    return study


def describe(setting: Setting, machine: str) -> str:
    """What was run and where, in a few words."""
    size = setting.size
    maps = 3 * size.cells + 2
    return (
        f"{size.data['train']:,} pictures of CIFAR-10, {size.channels} channels, {size.cells} cells a stage, batches of {size.batch}; NST with "
        f"weight {setting.beta:g} over {maps} maps, its teacher trained for {size.teacher_epochs} epochs; seed {setting.seed}; {machine}"
    )
