"""Real evaluations on the real clock: they are stopped, and their failures are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mfsearch.execution.base import Job
from mfsearch.execution.serial import SerialExecutor
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, Observation, Status

A = Architecture("s", ("a",), "a")


class Rung(AbstractEvaluation):
    name, signal = "full", "val_accuracy"

    def __init__(self, body: Callable[[Context], float]) -> None:
        self.body = body

    def expected_cost(self, architecture: Architecture) -> float:
        return 1.0

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        return Measurement({"val_accuracy": self.body(context)})


def run(
    body: Callable[[Context], float], limit: float, folder: Path, beats: list[float] | None = None, clock: str = "wall"
) -> Observation:
    executor = SerialExecutor("cpu" if clock == "cpu" else "wall")
    seen = beats if beats is not None else []
    executor.submit(Job(EvaluationQuery(A, "full", id=1), Rung(body), Objective(), limit, folder / "1", beat=seen.append))
    assert executor.free_slots == 0
    (observation,) = executor.collect()
    assert executor.free_slots == 1
    return observation


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return 1.0


def spin(context: Context) -> float:
    while True:
        context.check()


def hang(context: Context) -> float:
    time.sleep(60)
    return 1.0


def stubborn(context: Context) -> float:
    for _ in range(60):
        try:
            time.sleep(1)
        except Exception:
            time.sleep(60)
    return 1.0


def burn(context: Context) -> float:
    while True:
        pass


@pytest.mark.parametrize("body", [spin, hang, stubborn])
def test_the_limit_holds(body: Callable[[Context], float], tmp_path: Path) -> None:
    began = time.monotonic()
    observation = run(body, 0.3, tmp_path)
    assert observation.status is Status.CUT
    assert 0.3 <= observation.seconds <= 2.3
    assert time.monotonic() - began < 3.0


def test_processor_time(tmp_path: Path) -> None:
    observation = run(lambda context: nap(0.5), 10.0, tmp_path, clock="cpu")
    assert observation.status is Status.OK
    assert observation.seconds < 0.4
    assert run(burn, 0.2, tmp_path, clock="cpu").status is Status.CUT


def test_a_failure_costs_its_time(tmp_path: Path) -> None:
    def broken(context: Context) -> float:
        time.sleep(0.2)
        raise RuntimeError("CUDA out of memory")

    observation = run(broken, 10.0, tmp_path)
    assert (observation.status, observation.message) == (Status.FAILED, "RuntimeError: CUDA out of memory")
    assert 0.2 <= observation.seconds < 1.0


def test_heartbeats_come_every_second(tmp_path: Path) -> None:
    beats: list[float] = []
    run(lambda context: nap(2.3), 10.0, tmp_path, beats)
    assert len(beats) == 2
    assert beats[0] == pytest.approx(1.0, abs=0.3)


def test_nothing_submitted_nothing_collected() -> None:
    assert SerialExecutor().collect() == []
