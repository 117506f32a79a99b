"""A study that several processes can work on: points of a square, evaluated in no time or as slowly as wished."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from mfsearch.allocation.random_search import RandomSearch
from mfsearch.errors import StudyError
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, Measurement, Objective
from mfsearch.spaces.box import BoxSpace
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

SPACE = BoxSpace("square", {"x": (0.0, 1.0), "y": (0.0, 1.0)})


class Sum(AbstractEvaluation):
    """x + y after `sleep` seconds, charged with `cost`; what really ended is a line of the log."""

    name, signal = "sum", "value"

    def __init__(self, cost: float, log: Path | None = None, sleep: float = 0.0) -> None:
        self.cost, self.log, self.sleep = cost, log, sleep

    def expected_cost(self, architecture: Architecture) -> float:
        """What is charged."""
        return self.cost

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """Sleep, add, write down."""
        time.sleep(self.sleep)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{architecture.key} {os.getpid()}\n")
        return Measurement({"value": sum(float(str(gene)) for gene in architecture.genotype)}, self.cost)


def study(
    url: str, budget: float | None = None, join: bool = False, cost: float = 1.0, log: Path | None = None, sleep: float = 0.0
) -> Study:
    """The study "s" of a database: a new one where a budget is given."""
    return Study(
        SPACE,
        [Sum(cost, log, sleep)],
        budget,
        objective=Objective("value", unit="none"),
        policy=RandomSearch(),
        name="s",
        store=EventStore(url),
        workdir=log.parent if log else None,
        resume=budget is None,
        join=join,
    )


def work(url: str, cost: float, log: Path, sleep: float) -> None:
    """Join the study, and work until it ends."""
    study(url, join=True, cost=cost, log=log, sleep=sleep).run()


def begin(url: str, budget: float, cost: float, log: Path, sleep: float) -> None:
    """Start the study, and work until it ends."""
    study(url, budget, cost=cost, log=log, sleep=sleep).run()


def resume(url: str, log: Path, barrier: Any, said: Any) -> None:
    """Resume the study at the same moment as another process; say how it went."""
    try:
        barrier.wait()
        study(url, log=log, sleep=0.1).run()
        said.put("")
    except StudyError as error:
        said.put(str(error))


def create(url: str, number: int) -> None:
    """Open the database, and create a study."""
    EventStore(url).create(f"study {number}", {})
