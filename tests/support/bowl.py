"""A simulated study that minimises a loss on two rungs; far to the right its evaluations fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfsearch.allocation.asha import ASHA
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, Measurement, Objective
from mfsearch.spaces.box import BoxSpace
from mfsearch.store.journal import Listener
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

LINE = BoxSpace("line", {"x": (0.0, 1.0)})


class Bowl(AbstractEvaluation):
    """A loss with its least at 0.7; beyond 0.8 it fails."""

    signal = "loss"
    simulated = True

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self._seconds = name, seconds

    def expected_cost(self, architecture: Architecture) -> float:
        return self._seconds

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        x = float(str(architecture.genotype[0]))
        if x > 0.8:
            raise ValueError("too far to the right")
        return Measurement({"loss": (x - 0.7) ** 2, "distance": abs(x - 0.7)}, seconds=self._seconds)


def bowl(folder: Path, *listeners: Listener, **changes: Any) -> Study:
    """The study, kept in a database in the folder; with `resume=True` the one that is there."""
    given: dict[str, Any] = {"name": "bowl", "store": EventStore(f"sqlite:///{folder / 'studies.db'}"), **changes}
    if not given.get("resume"):
        given.setdefault("budget", "40s")
    return Study(
        LINE,
        [Bowl("rough cut", 1.0), Bowl("exact!", 4.0)],
        objective=Objective("loss", direction="minimise", unit="none"),
        policy=ASHA(),
        executor=VirtualExecutor(),
        listeners=listeners,
        config={"problem": {"use": "bowl"}, "sizes": [1, 2]},
        workdir=folder / "evaluations",
        **given,
    )
