"""Independent pieces of work on several processes of one machine, one thread of mathematics each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TypeVar

import torch

from mfsearch.interrupts import interruptible

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def each_in_a_process(
    function: Callable[[_Task], _Result], tasks: Sequence[_Task], jobs: int
) -> Generator[tuple[_Task, _Result]]:
    """Do every task, and hand on (task, result) as they end.

    Always in processes of their own, even one by one: what numpy and torch do with one thread from their start on is the same
    everywhere, and no task sees what another left in a library's global state.

    Close the iterator (`contextlib.closing`) where what is done with the results may raise: then what runs is ended at once.

    Args:
        function: Of a module, so that another process finds it; tasks and results are pickled on the way.
        tasks: What is to be done.
        jobs: Processes.

    Raises:
        KeyboardInterrupt: On Ctrl-C or SIGTERM; what runs is ended.
        BrokenExecutor: If a process ends before its task does.
    """
    if not tasks:
        return
    before = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    with threads_of_children(1), interruptible():
        pool = ProcessPoolExecutor(min(jobs, len(tasks)), context, _begin)
        try:
            futures = {pool.submit(function, task): task for task in tasks}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:  # the caller's, too, which closes this
            for process in set(multiprocessing.active_children()) - before:
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In a new process: Ctrl-C is the parent's business, one thread, and an end when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@contextmanager
def threads_of_children(number: int) -> Iterator[None]:
    """Processes that start within inherit an environment that asks for so many threads of mathematics."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, str(number)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
