from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor

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
