from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import BrokenExecutor
from contextlib import closing

import pytest

from mfsearch.execution.processes import each_in_a_process

# Only what a module holds finds its way into another process: Python's own `eval` does, and tells what it sees there.
LOOKS = [
    "__import__('os').getpid()",
    "__import__('torch').get_num_threads()",
    "__import__('os').environ['OMP_NUM_THREADS']",
    "2 ** 10",
]


def test_every_task_is_done_in_another_process_with_one_thread(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    done = dict(each_in_a_process(eval, LOOKS, 2))
    pid, threads, variable, number = (done[task] for task in LOOKS)
    assert pid != os.getpid() and (threads, variable, number) == (1, "1", 1024)
    assert os.environ["OMP_NUM_THREADS"] == "3" and "MKL_NUM_THREADS" not in os.environ


def test_nothing_to_do_starts_nothing():
    assert list(each_in_a_process(eval, [], 2)) == []


def test_a_process_that_ends_early_is_told_of():
    with pytest.raises(BrokenExecutor):
        list(each_in_a_process(os._exit, [3], 1))


def test_what_runs_is_ended_when_its_results_are_no_longer_wanted():
    """A minute of sleep does not hold up whoever stops listening, be it for an error of its own."""
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"), closing(each_in_a_process(time.sleep, [0.0, 60.0, 60.0], 2)) as done:
        for _ in done:
            raise RuntimeError("enough")
    assert time.monotonic() - began < 50
    assert multiprocessing.active_children() == []
