"""kill -9 at random moments, twenty times over: nothing completed is lost or run again, and the books add up."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, Measurement, Objective, Status
from mfsearch.spaces.box import BoxSpace
from mfsearch.store.events import EventKind
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

SPACE = BoxSpace("line", {"x": (0.0, 1.0), "y": (0.0, 1.0)})
NONE = Objective("value", unit="none")


class Parabola(AbstractEvaluation):
    signal = "value"

    def __init__(self, name: str, cost: float, log: Path, sleep: float = 0.0) -> None:
        self.name, self.cost, self.log, self.sleep = name, cost, log, sleep

    def expected_cost(self, architecture: Architecture) -> float:
        return self.cost

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        time.sleep(self.sleep)
        with self.log.open("a") as file:  # what really ran to its end, whatever the database says
            file.write(f"{architecture.key} {self.name} {context.seed}\n")
        x, y = (float(str(gene)) for gene in architecture.genotype)
        value = -((x - 0.3) ** 2) - (y - 0.7) ** 2 + (0.1 * x if self.name == "low" else 0.0)
        return Measurement({"value": value}, self.cost if self.sleep == 0 else None)


def search(folder: Path, virtual: bool, resume: bool) -> None:
    log = folder / "log"
    store = EventStore(f"sqlite:///{folder}/studies.db")
    if virtual:
        ladder = [Parabola("low", 1.0, log), Parabola("full", 10.0, log)]
        options = {"policy": CostAware(), "executor": VirtualExecutor(), "recommend": "predicted"}
    else:
        ladder = [
            Parabola("full", 0.1, log, sleep=0.1),
        ]
        options = {"policy": RandomSearch()}
    budget = None if resume else 150.0 if virtual else 6.0
    Study(SPACE, ladder, budget, objective=NONE, name="s", store=store, workdir=folder, resume=resume, **options).run()  # type: ignore[arg-type]


def killed_twenty_times(folder: Path, virtual: bool, longest: float) -> int:
    """Runs the study in forked processes that are killed at random moments; returns how many kills there were."""
    context, luck, kills = multiprocessing.get_context("fork"), random.Random(7), 0
    for attempt in range(400):
        started = (folder / "studies.db").exists() and "s" in EventStore(f"sqlite:///{folder}/studies.db").names()
        process = context.Process(target=search, args=(folder, virtual, started))
        process.start()
        process.join(luck.uniform(0.02, longest) if kills < 20 else 120)
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGKILL)
            process.join()
            kills += 1
        elif kills >= 20:
            assert process.exitcode == 0, attempt
            break
    return kills


def history(folder: Path) -> list[tuple[str, str]]:
    """Every decision (not the repeats), in order: architecture and rung."""
    events = EventStore(f"sqlite:///{folder}/studies.db").events("s")
    asked = [event for event in events if event.kind is EventKind.ASKED and not event.payload["repeat"]]
    return [(query["architecture"], query["rung"]) for event in asked for query in event.payload["queries"]]


def check_books(folder: Path, virtual: bool) -> Study:
    store = EventStore(f"sqlite:///{folder}/studies.db")
    log = folder / "log"
    ladder = [Parabola("low", 1.0, log), Parabola("full", 10.0, log)] if virtual else [Parabola("full", 0.1, log, sleep=0.1)]
    policy = CostAware() if virtual else RandomSearch()
    executor = VirtualExecutor() if virtual else None
    study = Study(SPACE, ladder, objective=NONE, name="s", store=store, policy=policy, executor=executor, resume=True)
    done = Counter((o.query.architecture.key, o.query.rung) for o in study.state.observations if o.status is Status.OK)
    assert max(done.values()) == 1  # no completed evaluation ran again
    lost = [o for o in study.state.observations if o.status is Status.LOST]
    ran = Counter(tuple(line.rsplit(" ", 2)[:2]) for line in log.read_text().splitlines())
    assert set(done) <= set(ran)
    assert sum(ran.values()) <= sum(done.values()) + len(lost)  # what ran twice was lost once
    told = [event.payload["seconds"] for event in store.events("s") if event.kind is EventKind.TOLD]
    deciding = sum(e.payload["optimiser_seconds"] for e in store.events("s") if e.kind in (EventKind.ASKED, EventKind.SCORED))
    assert study.ledger.spent == pytest.approx(sum(told) + (0.0 if virtual else deciding), abs=1e-9)
    assert study.ledger.spent <= study.ledger.total + 2.0
    return study


@pytest.mark.faults
def test_virtual_clock_same_decisions_as_uninterrupted(tmp_path: Path, fault: Callable[..., None]) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    search(whole, virtual=True, resume=False)
    assert killed_twenty_times(broken, virtual=True, longest=0.4) >= 20
    assert history(broken) == history(whole)
    study = check_books(broken, virtual=True)
    assert all(o.seconds == 0 for o in study.state.observations if o.status is Status.LOST)
    done = sum(o.status is Status.OK for o in study.state.observations)
    fault("the main process is killed (simulated costs)", "`kill -9` at 20 random moments", 0, done, study.ledger.spent, "")


@pytest.mark.faults
def test_real_clock_nothing_lost_nothing_twice(tmp_path: Path, fault: Callable[..., None]) -> None:
    assert killed_twenty_times(tmp_path, virtual=False, longest=0.5) >= 20
    study = check_books(tmp_path, virtual=False)
    assert study.state.stopped
    lost = [o for o in study.state.observations if o.status is Status.LOST]
    assert lost
    done = sum(o.status is Status.OK for o in study.state.observations)
    fault("the main process is killed", "`kill -9` at 20 random moments", 0, done, study.ledger.spent, lost[-1].message)
