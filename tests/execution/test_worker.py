"""A worker alone, at the other end of a pipe."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from hostile_rungs import Rung

from mfsearch.execution.worker import Task, WorkerSetting, serve
from mfsearch.records import Architecture, EvaluationQuery, Objective, Observation, Status


@pytest.fixture(scope="module")
def link() -> Iterator[Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    reader, writer = context.Pipe(duplex=False)
    lifeline, life = context.Pipe(duplex=False)
    setting = WorkerSetting("cpu", threads=2, gpu="3", memory=32.0)
    process = context.Process(target=serve, args=(theirs, writer, lifeline, setting))
    process.start()
    for end in (theirs, writer, lifeline):
        end.close()
    yield ours
    ours.close()  # a worker ends when nobody gives it anything
    process.join(20)
    assert process.exitcode == 0
    process.close()
    reader.close()
    life.close()


def answer(link: Connection, what: str, folder: Path) -> tuple[Observation, list[str]]:
    query = EvaluationQuery(Architecture("s", (what,), what), "full", id=1)
    link.send(Task(query, Rung(), Objective(), 60.0, folder, "cpu", {}))
    kinds = []
    while True:
        assert link.poll(60)
        kind, *rest = link.recv()
        kinds.append(kind)
        if kind == "done":
            return rest[0], kinds


def test_it_has_what_it_was_given_and_leads_a_session(link: Connection, tmp_path: Path):
    seen, kinds = answer(link, "see", tmp_path)
    assert seen.extras == {"gpus": "3", "leads": True, "threads": 2, "memory": 32 * 2**30}
    assert kinds[0] == "begun" and kinds[-1] == "done"


def test_it_says_that_it_lives_and_counts_processor_seconds(link: Connection, tmp_path: Path):
    seen, kinds = answer(link, "nap:1.5", tmp_path)
    assert seen.status is Status.OK and seen.seconds < 0.5, "who sleeps takes no processor time"
    assert {"beat", "progress"} <= set(kinds)


def test_a_failure_is_an_answer(link: Connection, tmp_path: Path):
    seen, _ = answer(link, "fail", tmp_path)
    assert (seen.status, seen.message) == (Status.FAILED, "ValueError: no such thing")
