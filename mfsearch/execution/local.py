"""Several evaluations at a time, each in a worker process of this machine."""

from __future__ import annotations

import collections
import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Final, Literal

from mfsearch.errors import ConfigError
from mfsearch.execution.base import AbstractExecutor, Job
from mfsearch.execution.processes import threads_of_children
from mfsearch.execution.serial import SerialExecutor
from mfsearch.execution.worker import WorkerSetting, packed, serve
from mfsearch.records import EvaluationQuery, Observation, Status

GRACE: Final = 2.0
"""Seconds after its limit at which an evaluation that does not end is ended with its process."""
_SLEEPY: Final = 5.0  # wall seconds that a second of processor time may take where cores are shared
_START: Final = 60.0  # wall seconds that a worker may take to begin
_BLOCKS: Final = 16  # of what a worker writes, of up to 64 KiB each, that are held
_KEPT: Final = 4_000  # characters of what an evaluation wrote that are kept where it fails


class LocalExecutor(AbstractExecutor):
    """Worker processes of this machine, one evaluation each; a free one gets the next proposal at once.

    A worker begins with its first evaluation, and is replaced when it dies: then its evaluation counts as lost, is charged up to its
    last sign of life, and is repeated by the study. Rungs and what they hold travel to the workers by pickle: functions must be
    those of a module.

    Args:
        workers: How many.
        clock: `wall` charges wall seconds, `cpu` the processor seconds of the worker.
        threads: CPU threads of one worker.
        gpus: GPUs, as CUDA_VISIBLE_DEVICES names them, that the workers share out among themselves in turn; none: they train on the CPU.
        memory: GiB of address space of one worker; None: no limit. Not for GPUs, whose driver takes addresses by the terabyte.

    Raises:
        ConfigError: If a number is impossible.
    """

    def __init__(
        self,
        workers: int,
        clock: Literal["wall", "cpu"] = "wall",
        threads: int = 1,
        gpus: Sequence[str] = (),
        memory: float | None = None,
    ) -> None:
        if workers < 1 or threads < 1 or (memory is not None and memory <= 0):
            raise ConfigError(f"workers, threads and memory must be positive; got {workers}, {threads} and {memory}.")
        self._clock: Literal["wall", "cpu"] = clock
        setting = WorkerSetting(clock, threads, memory=memory)
        self._workers = [Worker(replace(setting, gpu=gpus[number % len(gpus)]) if gpus else setting) for number in range(workers)]

    @property
    def virtual(self) -> bool:
        """Never: the clock is real."""
        return False

    def stopwatch(self) -> Callable[[], float]:
        """Seconds of the chosen clock, of this process."""
        return SerialExecutor(self._clock).stopwatch()

    @property
    def slots(self) -> int:
        """The workers."""
        return len(self._workers)

    @property
    def free_slots(self) -> int:
        """Workers without an evaluation."""
        return sum(worker.query is None for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Give a job to a free worker.

        Raises:
            ConfigError: If the rung cannot be sent to another process.
        """
        task = packed(job)
        next(worker for worker in self._workers if worker.query is None).begin(task, job.query, job.limit, job.beat, job.progress)

    def collect(self) -> list[Observation]:
        """Wait for the first to end; heartbeats and progress are handed on meanwhile."""
        while busy := [worker for worker in self._workers if worker.query is not None]:
            wait([end for worker in busy for end in worker.ends], timeout=0.2)
            if ended := [seen for worker in busy if (seen := worker.look()) is not None]:
                return ended
        return []

    def close(self) -> None:
        """End all workers, and what they run."""
        for worker in self._workers:
            worker.end()


class Worker:
    """One process, and what it is doing.

    Args:
        setting: What the process has.

    Attributes:
        query: What it evaluates now.
    """

    def __init__(self, setting: WorkerSetting) -> None:
        self.query: EvaluationQuery | None = None
        self._limit = math.inf
        self._beat: Callable[[float], None] = lambda seconds: None
        self._progress: Callable[[float, str], None] = lambda fraction, text: None
        self._setting = setting
        self._process: SpawnProcess | None = None
        self._link: Connection | None = None
        self._life: Connection | None = None
        self._output = _Output()
        self._sent = self._seconds = 0.0
        self._began: float | None = None

    @property
    def ends(self) -> list[Connection | int]:
        """What becomes ready when there is news."""
        assert self._link is not None and self._process is not None
        return [self._link, self._process.sentinel]

    def begin(
        self,
        task: bytes,
        query: EvaluationQuery,
        limit: float,
        beat: Callable[[float], None],
        progress: Callable[[float, str], None],
    ) -> None:
        """Send a task, to a new process where there is none.

        Args:
            task: As `packed` made it.
            query: What it evaluates.
            limit: Device seconds after which it is stopped.
            beat: As of a `Job`.
            progress: As of a `Job`.
        """
        if self._process is None or not self._process.is_alive():
            self._start()
        assert self._link is not None
        self.query, self._limit, self._beat, self._progress = query, limit, beat, progress
        self._sent, self._began, self._seconds = time.monotonic(), None, 0.0
        self._output.clear()
        with contextlib.suppress(OSError):  # it died just now; `look` finds out
            self._link.send_bytes(task)

    def _start(self) -> None:
        self.end()
        context = multiprocessing.get_context("spawn")
        self._link, theirs = context.Pipe()
        reader, writer = context.Pipe(duplex=False)
        lifeline, self._life = context.Pipe(duplex=False)
        self._process = context.Process(target=serve, args=(theirs, writer, lifeline, self._setting), name="mfsearch-worker")
        with threads_of_children(self._setting.threads):
            self._process.start()
        for end in (theirs, writer, lifeline):
            end.close()
        self._output.follow(reader)

    def look(self) -> Observation | None:
        """Read the news; the observation where the job has ended."""
        assert self.query is not None and self._link is not None and self._process is not None
        try:
            while self._link.poll():
                kind, *rest = self._link.recv()
                if kind == "begun":
                    self._began = time.monotonic()
                elif kind == "beat":
                    self._seconds = rest[0]
                    self._beat(self._seconds)
                elif kind == "progress":
                    self._progress(*rest)
                elif kind == "done":
                    return self._ended(rest[0])
                else:
                    text = f"a worker process cannot read the rung: {rest[0]}. Define its functions and classes in a module that can be imported."
                    return self._ended(Observation(self.query, Status.FAILED, 0.0, message=text))
        except (EOFError, OSError):
            pass
        if not self._process.is_alive():
            return self._lost()
        if self._overdue():
            spent, limit = self._spent(), self._limit
            self.end()
            text = f"ended with its process after {spent:.1f} s: the limit of {limit:.1f} s had passed, and it did not stop."
            return self._ended(Observation(self.query, Status.CUT, spent, message=text))
        return None

    def _spent(self) -> float:
        """Device seconds since the job began, as far as this process can tell."""
        if self._setting.clock == "cpu" or self._began is None:
            return self._seconds
        return time.monotonic() - self._began

    def _overdue(self) -> bool:
        if self._began is None:
            return time.monotonic() - self._sent > _START
        # A process that waits for ever takes no processor time, and one that holds its interpreter says nothing.
        silent = self._setting.clock == "cpu" and time.monotonic() - self._began > _SLEEPY * self._limit + _START
        return silent or self._spent() > self._limit + GRACE

    def _lost(self) -> Observation:
        assert self.query is not None and self._process is not None
        self._process.join()
        code = self._process.exitcode or 0
        why = f"was ended by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
        hint = " Was there too little memory?" if code == -signal.SIGKILL else ""
        text = f"its worker process {why} after {self._spent():.1f} s.{hint}"
        return self._ended(Observation(self.query, Status.LOST, self._seconds, message=text))

    def _ended(self, seen: Observation) -> Observation:
        self.query = None
        if seen.status is Status.OK or not (tail := self._output.tail()):
            return seen
        return replace(seen, extras={**seen.extras, "output": tail})

    def end(self) -> None:
        """End the process with all that it started."""
        if self._process is not None:
            assert self._process.pid is not None
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, number)  # it leads a session, unless it has hardly begun
                if self._process.is_alive():
                    os.kill(self._process.pid, number)
                    self._process.join(1.0)
            self._process.join()
            self._process.close()
        for end in (self._link, self._life):
            if end is not None:
                end.close()
        self._process = self._link = self._life = None


class _Output:
    """The end of what a worker writes; the rest is thrown away as it comes, so that nobody waits for a reader."""

    def __init__(self) -> None:
        self._held = collections.deque[bytes](maxlen=_BLOCKS)

    def follow(self, reader: Connection) -> None:
        """Read another worker's output to its end."""
        held = self._held = collections.deque[bytes](maxlen=_BLOCKS)

        def run() -> None:
            with contextlib.suppress(OSError), contextlib.closing(reader):
                while block := os.read(reader.fileno(), 65_536):
                    held.append(block)

        threading.Thread(target=run, daemon=True, name="mfsearch-output").start()

    def clear(self) -> None:
        """What comes next belongs to another evaluation."""
        self._held.clear()

    def tail(self) -> str:
        """The last of it."""
        return b"".join(list(self._held)).decode("utf-8", "replace")[-_KEPT:].strip()
