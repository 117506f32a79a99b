"""A virtual clock: costs are what the rungs report, and a simulated cluster of any size takes no time."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable

from mfsearch.errors import EvaluationError
from mfsearch.execution.base import AbstractExecutor, Job, ended, failed
from mfsearch.fidelities.base import Context
from mfsearch.records import Observation, Status


class VirtualExecutor(AbstractExecutor):
    """Runs evaluations at once and returns them in the order in which a cluster would.

    Args:
        workers: Number of simulated devices.

    Attributes:
        now: Virtual seconds since the executor began.
    """

    def __init__(self, workers: int = 1) -> None:
        self.now = 0.0
        self._workers = workers
        self._running: list[tuple[float, int, Observation]] = []

    @property
    def virtual(self) -> bool:
        """Always."""
        return True

    def stopwatch(self) -> Callable[[], float]:
        """Real wall seconds: what the search itself takes is reported, not charged."""
        began = time.monotonic()
        return lambda: time.monotonic() - began

    @property
    def slots(self) -> int:
        """Number of simulated devices."""
        return self._workers

    @property
    def free_slots(self) -> int:
        """Simulated devices that idle."""
        return self._workers - len(self._running)

    def submit(self, job: Job) -> None:
        """Evaluate now, to be collected when the virtual clock has come so far."""
        observation = _evaluate(job)
        heapq.heappush(self._running, (self.now + observation.seconds, job.query.id, observation))

    def collect(self) -> list[Observation]:
        """The evaluation that ends first; the clock moves to its end."""
        if not self._running:
            return []
        self.now, _, observation = heapq.heappop(self._running)
        return [observation]


def _evaluate(job: Job) -> Observation:
    job.workdir.mkdir(parents=True, exist_ok=True)
    context = Context(job.query.seed, math.inf, job.workdir, job.device)
    try:
        measurement = job.fidelity.evaluate(job.query.architecture, context)
        seconds = measurement.seconds
        if seconds is None or not 0 <= seconds < math.inf:
            raise EvaluationError(f"on a virtual clock a rung must report its seconds; {job.fidelity.name!r} reported {seconds}.")
    except Exception as error:  # a failing fidelity must not end the study
        return failed(job, error, 0.0)
    if seconds > job.limit:
        return Observation(job.query, Status.CUT, job.limit, message=f"stopped at its limit of {job.limit:.1f} s")
    return ended(job, measurement, seconds)
