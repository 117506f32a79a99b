"""Real worker processes, and what evaluations do to them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from evaluations import alive, job, run
from hostile_rungs import Fragile, Rung, decorated

from mfsearch.allocation.random_search import RandomSearch
from mfsearch.errors import ConfigError
from mfsearch.execution.base import Job
from mfsearch.execution.local import GRACE, LocalExecutor
from mfsearch.fidelities.function import FunctionFidelity
from mfsearch.records import Status
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.study import Study


@pytest.fixture(scope="module")
def pair() -> Iterator[LocalExecutor]:
    with LocalExecutor(2) as executor:
        yield executor


def test_evaluations_run_side_by_side(pair: LocalExecutor, tmp_path: Path):
    beats: list[float] = []
    told: list[tuple[float, str]] = []
    first, second = job("nap:2.5", tmp_path), job("nap:2.5", tmp_path, id=2)
    first = Job(**{**vars(first), "beat": beats.append, "progress": lambda *news: told.append(news)})
    assert (pair.slots, pair.free_slots, pair.virtual) == (2, 2, False)
    pair.submit(first)
    assert pair.free_slots == 1
    pair.submit(second)
    assert pair.free_slots == 0
    seen = [*pair.collect()]
    seen += pair.collect() if len(seen) < 2 else []
    assert pair.collect() == [] and pair.free_slots == 2
    assert [s.status for s in seen] == [Status.OK, Status.OK]
    spans = [(s.values["began"], s.values["ended"]) for s in seen]
    assert max(begun for begun, _ in spans) < min(end for _, end in spans), "they overlap"
    assert len({s.values["pid"] for s in seen} | {float(os.getpid())}) == 3
    assert all(2.5 <= s.seconds < 4.0 for s in seen), "what is charged does not hold the start of a process"
    assert beats and beats == sorted(beats) and told == [(0.5, "half way")]


def test_what_fails_leaves_its_worker_as_it_is(pair: LocalExecutor, tmp_path: Path):
    before = {s.values["pid"] for s in run(pair, job("nap", tmp_path), job("nap:0.3", tmp_path, id=2))}
    failed, unsendable = run(pair, job("fail", tmp_path), job("nothing", tmp_path, id=2))
    assert failed.status is unsendable.status is Status.FAILED
    assert failed.message == "ValueError: no such thing" and "lambda" in unsendable.message
    assert {s.values["pid"] for s in run(pair, job("nap", tmp_path), job("nap:0.3", tmp_path, id=2))} == before


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("die", r"its worker process was ended by signal 9 \(SIGKILL\) after .* s\. Was there too little memory\?"),
        ("leave:3", r"its worker process ended with exit code 3 after .* s\.$"),
    ],
)
def test_what_takes_its_worker_down_is_lost_and_the_next_has_a_new_one(
    pair: LocalExecutor, tmp_path: Path, what: str, message: str
):
    (lost,) = run(pair, job(what, tmp_path))
    assert lost.status is Status.LOST
    assert re.match(message, lost.message)
    assert [s.status for s in run(pair, job("nap", tmp_path), job("nap:0.3", tmp_path, id=2))] == [Status.OK, Status.OK]


def test_what_hangs_is_ended_with_its_process(pair: LocalExecutor, tmp_path: Path):
    began = time.monotonic()
    (cut,) = run(pair, job("hang:60", tmp_path, limit=1.0))
    assert cut.status is Status.CUT and "the limit of 1.0 s had passed, and it did not stop" in cut.message
    assert 1.0 + GRACE <= cut.seconds < 1.0 + 2 * GRACE and time.monotonic() - began < 40


def test_endless_output_is_read_and_thrown_away(pair: LocalExecutor, tmp_path: Path):
    (seen,) = run(pair, job("shout:64", tmp_path))
    assert seen.message == "ValueError: shouted"
    output = seen.extras["output"]
    assert isinstance(output, str) and output.endswith("the last words") and len(output) <= 4000


def test_children_do_not_outlive_their_evaluation(pair: LocalExecutor, tmp_path: Path):
    (seen,) = run(pair, job("fork:1", tmp_path))
    assert not alive(seen.extras["child"]) and not alive(seen.extras["orphan"])


def test_a_worker_may_take_so_much_memory(tmp_path: Path):
    with LocalExecutor(1, memory=16.0) as executor:
        eaten, after = run(executor, job("eat:32", tmp_path))[0], run(executor, job("nap", tmp_path))[0]
        pid = after.values["pid"]
        assert eaten.status is Status.FAILED and "MemoryError" in eaten.message and after.status is Status.OK
        executor.submit(job("nap:60", tmp_path))
        assert alive(int(pid))
    assert not alive(int(pid)), "what runs at the end is ended"


def test_what_cannot_be_sent_is_said(pair: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        ConfigError, match=r"rung 'low' must be sendable to another process.*Define its functions and classes at the top"
    ):
        pair.submit(job("x", tmp_path, rung=FunctionFidelity("low", lambda a, c: 1.0, 1.0)))
    assert pair.free_slots == 2
    here = type("Here", (Rung,), {"__module__": "nowhere"})
    monkeypatch.setitem(sys.modules, "nowhere", type(sys)("nowhere"))
    sys.modules["nowhere"].Here = here  # type: ignore[attr-defined]
    (seen,) = run(pair, job("nap", tmp_path, rung=here()))
    assert seen.status is Status.FAILED and "a worker process cannot read the rung: ModuleNotFoundError" in seen.message


def test_what_a_decorator_made_is_found_by_its_name(pair: LocalExecutor, tmp_path: Path):
    (seen,) = run(pair, job("x", tmp_path, rung=decorated))
    assert (seen.status, seen.value) == (Status.OK, 42.0)


def test_impossible_numbers():
    with pytest.raises(ConfigError, match="workers, threads and memory must be positive; got 0, 1 and None"):
        LocalExecutor(0)


def test_the_books_of_a_study_add_up_though_workers_die(tmp_path: Path):
    with LocalExecutor(2) as executor:
        study = Study(
            NASBench201Space(), [Fragile()], 2.5, policy=RandomSearch(), seed=2, executor=executor, workdir=tmp_path / "work"
        )
        answer = study.run()
    observations = study.state.observations
    good = {o.query.architecture.key: o for o in observations if o.status is Status.OK}
    lost = [o for o in observations if o.status is Status.LOST]
    assert answer is not None and len(good) > 15 and lost
    assert len(good) == sum(o.status is Status.OK for o in observations), "nothing is evaluated twice"
    assert {o.query.id for o in observations} == set(range(study.state.asked)), "every evaluation ended, once"
    for one in lost:
        again = good.get(one.query.architecture.key)
        assert again is None or again.query.seed == one.query.seed, "what was lost is repeated as it was"
    assert any(one.query.architecture.key in good for one in lost)
    charged = sum(charge.seconds for charge in study.ledger.charges)
    assert study.ledger.spent == pytest.approx(charged) and study.ledger.spent < 2.5 + 2 * GRACE


SCRIPT = """
import sys
from pathlib import Path

from hostile_rungs import Rung
from mfsearch.execution.base import Job
from mfsearch.execution.local import LocalExecutor
from mfsearch.records import Architecture, EvaluationQuery, Objective


def job(what):
    return Job(EvaluationQuery(Architecture("s", (what,), what), "full"), Rung(), Objective(), 200.0, Path(sys.argv[1]))


if __name__ == "__main__":
    executor = LocalExecutor(1)
    executor.submit(job("nap"))
    print(int(executor.collect()[0].values["pid"]), flush=True)
    executor.submit(job("hang:120"))
    executor.collect()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_process_that_began_them(tmp_path: Path, number: signal.Signals):
    (tmp_path / "main.py").write_text(SCRIPT)
    words = [sys.executable, str(tmp_path / "main.py"), str(tmp_path)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as parent:
        assert parent.stdout is not None
        pid = parent.stdout.readline().strip()
        try:
            time.sleep(1.0)
            assert alive(pid)
            parent.send_signal(number)
            parent.wait(20)
            deadline = time.monotonic() + 10
            while alive(pid) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not alive(pid)
        finally:
            parent.kill()
            if alive(pid):
                os.kill(int(pid), signal.SIGKILL)


SEARCH = """
import sys
from pathlib import Path

from hostile_rungs import Fragile
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.execution.local import LocalExecutor
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

if __name__ == "__main__":
    folder, store = Path(sys.argv[1]), EventStore(f"sqlite:///{sys.argv[1]}/s.db")
    begun = "s" in store.names()
    options = {"policy": RandomSearch(), "executor": LocalExecutor(2), "store": store, "name": "s", "workdir": folder / "work"}
    Study(NASBench201Space(), [Fragile()], None if begun else 6.0, resume=begun, **options).run()
"""


@pytest.mark.faults
def test_the_main_process_is_killed_and_nothing_is_lost_or_charged_twice(tmp_path: Path):
    (tmp_path / "search.py").write_text(SEARCH)
    words = [sys.executable, str(tmp_path / "search.py"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    store = EventStore(f"sqlite:///{tmp_path}/s.db")

    def replayed() -> StudyState:
        return StudyState.replay(store.events("s"), NASBench201Space().parse)

    completed: list[set[int]] = []
    for more in (8, 9):
        with subprocess.Popen(words, env=environment) as main:
            before = sum(len(ids) for ids in completed[-1:])
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and main.poll() is None:
                time.sleep(0.05)
                if "s" in store.names() and len(replayed().observations) >= before + more:
                    break
            main.kill()
        completed.append({o.query.id for o in replayed().observations if o.status is Status.OK})
    subprocess.run(words, env=environment, check=True, timeout=120)
    state = replayed()
    good = [o for o in state.observations if o.status is Status.OK]
    assert state.stopped and {o.query.id for o in good} > completed[1] > completed[0] > set()
    assert len({o.query.architecture.key for o in good}) == len(good), "nothing was evaluated twice"
    assert sorted(o.query.id for o in state.observations) == list(range(state.asked)), "every evaluation ended, once"
    assert state.ledger.spent == pytest.approx(sum(charge.seconds for charge in state.ledger.charges))
    assert 4.0 < state.ledger.spent < 6.0 + 2 * GRACE
    store.close()
