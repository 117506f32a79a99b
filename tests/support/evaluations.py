"""Evaluations of hostile rungs, for executors with worker processes."""

from __future__ import annotations

from pathlib import Path

from hostile_rungs import Rung

from mfsearch.execution.base import AbstractExecutor, Job
from mfsearch.fidelities.base import AbstractEvaluation
from mfsearch.records import Architecture, EvaluationQuery, Objective, Observation


def job(what: str, folder: Path, limit: float = 60.0, id: int = 1, rung: AbstractEvaluation | None = None) -> Job:
    architecture = Architecture("s", (what,), what)
    return Job(EvaluationQuery(architecture, "full", id=id), rung or Rung(), Objective(), limit, folder / str(id))


def run(executor: AbstractExecutor, *jobs: Job) -> list[Observation]:
    for one in jobs:
        executor.submit(one)
    found: list[Observation] = []
    while len(found) < len(jobs):
        found += executor.collect()
    return sorted(found, key=lambda seen: seen.query.id)


def alive(pid: object) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{int(str(pid))}/status").read_text()
    except FileNotFoundError:
        return False
