"""One evaluation at a time, in this process, on the real clock."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

from mfsearch.errors import LimitReachedError
from mfsearch.execution.base import AbstractExecutor, Job, ended, failed
from mfsearch.fidelities.base import Context
from mfsearch.records import Observation, Status

_GRACE = 0.5
"""Seconds after the limit at which an evaluation that does not check it itself is interrupted."""


class SerialExecutor(AbstractExecutor):
    """Runs each evaluation in the calling thread, and stops it at its limit.

    A rung that calls `context.check()` stops by itself; one that does not is interrupted half a second later by a timer
    signal, where Python allows it (main thread, POSIX).

    Args:
        clock: `wall` charges wall seconds, `cpu` the processor seconds of this process: fairer where cores are shared.
    """

    def __init__(self, clock: Literal["wall", "cpu"] = "wall") -> None:
        self.clock: Literal["wall", "cpu"] = clock
        self._job: Job | None = None

    @property
    def virtual(self) -> bool:
        """Never: the clock is real."""
        return False

    def stopwatch(self) -> Callable[[], float]:
        """Seconds of the chosen clock."""
        return _stopwatch(self.clock)

    @property
    def slots(self) -> int:
        """One."""
        return 1

    @property
    def free_slots(self) -> int:
        """One unless a job waits."""
        return 0 if self._job else 1

    def submit(self, job: Job) -> None:
        """Keep the job until it is collected."""
        self._job = job

    def collect(self) -> list[Observation]:
        """Run the submitted job to its end."""
        job, self._job = self._job, None
        return [self._run(job)] if job else []

    def _run(self, job: Job) -> Observation:
        job.workdir.mkdir(parents=True, exist_ok=True)
        elapsed = self.stopwatch()
        context = Context(job.query.seed, job.limit, job.workdir, job.device, elapsed, job.progress, job.earlier)
        try:
            with _heartbeat(lambda: job.beat(elapsed())), _interrupted(job.limit + _GRACE, self.clock, elapsed):
                measurement = job.fidelity.evaluate(job.query.architecture, context)
        except LimitReachedError as error:
            return Observation(job.query, Status.CUT, elapsed(), message=str(error))
        except Exception as error:  # a failing fidelity must not end the study
            return failed(job, error, elapsed())
        seconds = elapsed() if measurement.seconds is None else measurement.seconds
        return ended(job, measurement, seconds)


def _stopwatch(clock: Literal["wall", "cpu"]) -> Callable[[], float]:
    """A function that tells the seconds since now."""
    read = time.process_time if clock == "cpu" else time.monotonic
    began = read()
    return lambda: read() - began


@contextmanager
def _heartbeat(beat: Callable[[], None]) -> Iterator[None]:
    done = threading.Event()

    def run() -> None:
        while not done.wait(1.0):
            beat()

    thread = threading.Thread(target=run, daemon=True, name="mfsearch-heartbeat")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def _interrupted(limit: float, clock: Literal["wall", "cpu"], elapsed: Callable[[], float]) -> Iterator[None]:
    if not math.isfinite(limit) or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    timer, number = (signal.ITIMER_PROF, signal.SIGPROF) if clock == "cpu" else (signal.ITIMER_REAL, signal.SIGALRM)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise LimitReachedError(f"interrupted after {elapsed():.1f} s: the limit had passed.")

    before = signal.signal(number, stop)
    signal.setitimer(timer, max(limit, 1e-3), 1.0)  # again every second, should the rung swallow the first
    try:
        yield
    finally:
        signal.setitimer(timer, 0.0)
        signal.signal(number, before)
