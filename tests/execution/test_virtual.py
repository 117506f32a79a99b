"""The virtual clock orders evaluations as a cluster would."""

from __future__ import annotations

from pathlib import Path

from mfsearch.execution.base import Job
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, Status


class Rung(AbstractEvaluation):
    name, signal = "full", "value"

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        cost = float(architecture.key)
        if cost < 0:
            raise RuntimeError("negative")
        return Measurement({"value": cost}, None if cost == 99 else cost)


def job(id: int, cost: float, folder: Path, limit: float = 100.0) -> Job:
    return Job(
        EvaluationQuery(Architecture("s", (), str(cost)), "full", id=id), Rung(), Objective("value", unit="none"), limit, folder
    )


def test_order_of_completion(tmp_path: Path) -> None:
    executor = VirtualExecutor(workers=2)
    executor.submit(job(0, 10, tmp_path))
    executor.submit(job(1, 3, tmp_path))
    assert executor.free_slots == 0
    assert [o.query.id for o in executor.collect()] == [1]
    assert executor.now == 3
    executor.submit(job(2, 4, tmp_path))  # ends at 7, before the first
    assert [executor.collect()[0].query.id, executor.now] == [2, 7]
    assert [executor.collect()[0].query.id, executor.now] == [0, 10]
    assert executor.collect() == []


def test_ends_that_are_not_ok(tmp_path: Path) -> None:
    executor = VirtualExecutor(workers=3)
    for id, (cost, limit) in enumerate([(50, 20), (-1, 10), (99, 200)]):
        executor.submit(job(id, cost, tmp_path, limit))
    ends = {o.query.id: o for _ in range(3) for o in executor.collect()}
    assert (ends[0].status, ends[0].seconds) == (Status.CUT, 20)
    assert (ends[1].status, ends[1].message, ends[1].seconds) == (Status.FAILED, "RuntimeError: negative", 0.0)
    assert ends[2].status is Status.FAILED
    assert "must report its seconds" in ends[2].message
