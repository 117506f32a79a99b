"""A worker: a process of its own that runs one evaluation after the other, for `local`.

It is the leader of a session, so that whatever an evaluation starts can be ended with it; children that outlive their evaluation are
ended before the next one. What is written to standard output and error goes to the parent, which keeps the end of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Literal, Self

import torch

from mfsearch.errors import ConfigError
from mfsearch.execution.base import Job, failed
from mfsearch.execution.serial import SerialExecutor
from mfsearch.fidelities.base import AbstractEvaluation
from mfsearch.records import EvaluationQuery, Objective

_ADOPT: Final = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


@dataclass(frozen=True)
class WorkerSetting:
    """What one worker has.

    Attributes:
        clock: As for `SerialExecutor`.
        threads: CPU threads of mathematics.
        gpu: Its GPU, as CUDA_VISIBLE_DEVICES names it, the only one that it sees; None where it trains on the CPU.
        memory: GiB of address space that it may take; None: no limit.
    """

    clock: Literal["wall", "cpu"] = "wall"
    threads: int = 1
    gpu: str | None = None
    memory: float | None = None


@dataclass(frozen=True)
class Task:
    """A job as it travels; what it calls stays with the parent."""

    query: EvaluationQuery
    fidelity: AbstractEvaluation
    objective: Objective
    limit: float
    workdir: Path
    device: str
    earlier: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, job: Job) -> Self:
        """What of a job travels."""
        return cls(job.query, job.fidelity, job.objective, job.limit, job.workdir, job.device, job.earlier)


def packed(job: Job) -> bytes:
    """The task of a job, pickled.

    Raises:
        ConfigError: If the rung cannot be sent to another process.
    """
    try:
        return pickle.dumps(Task.of(job))
    except Exception as error:
        raise ConfigError(
            f"rung {job.fidelity.name!r} must be sendable to another process, to run on several workers; it is not ({error}). Define "
            "its functions and classes at the top of a module, or use one worker."
        ) from error


def serve(parent: Connection, output: Connection, lifeline: Connection, setting: WorkerSetting) -> None:
    """Run what comes until the parent ends or closes.

    Args:
        parent: Gives tasks, takes `("begun",)`, `("beat", seconds)`, `("progress", fraction, text)`, `("done", observation)`
            and, where a task cannot be read, `("unreadable", text)`.
        output: Takes what is written to standard output and error.
        lifeline: Ends with the parent, however that ends.
        setting: What this worker has.
    """
    guard = _settle(output, lifeline, setting)
    lock = threading.Lock()

    def send(*message: Any) -> None:
        with lock:
            parent.send(message)

    executor = SerialExecutor(setting.clock)
    while True:
        try:
            task: Task = parent.recv()
        except EOFError:
            return
        except Exception as error:  # a class that this process does not find
            send("unreadable", f"{type(error).__name__}: {error}")
            continue
        job = Job(
            task.query,
            task.fidelity,
            task.objective,
            task.limit,
            task.workdir,
            task.device,
            lambda seconds: send("beat", seconds),
            lambda fraction, text: send("progress", fraction, text),
            task.earlier,
        )
        send("begun")
        executor.submit(job)
        (seen,) = executor.collect()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        _end_children(guard)
        try:
            send("done", seen)
        except Exception as error:  # extras that cannot travel
            send("done", failed(job, error, seen.seconds))


def _settle(output: Connection, lifeline: Connection, setting: WorkerSetting) -> int:
    """Make this process a worker; the process that ends it, with all that it started, when the parent has ended."""
    os.setsid()
    # Not a thread: an evaluation that holds the interpreter would hold it, too.
    guard = subprocess.Popen(["/bin/sh", "-c", f"read end; kill -9 -{os.getpid()}"], stdin=lifeline.fileno())
    lifeline.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    if setting.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = setting.gpu
    if setting.memory is not None:
        most = int(setting.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0)  # orphans of its children become its own
    torch.set_num_threads(setting.threads)
    return guard.pid


def _end_children(guard: int) -> None:
    """End what the last evaluation left running, orphans of its children included, but for the guard."""
    while children := [child for child in _children() if child != guard]:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(number) for number in thread.read_text().split()]
    return found
