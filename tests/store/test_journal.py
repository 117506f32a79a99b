"""Several processes on one study, on both kinds of database; every process is a real one."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.context import SpawnProcess
from pathlib import Path

import lines
import pytest
from bowl import bowl
from postgres import Server

from mfsearch.errors import OvertakenError, StudyError
from mfsearch.records import Status
from mfsearch.store.events import Event, EventKind
from mfsearch.store.journal import AbstractFollower
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.study import Study


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/studies.db"
    server: Server = request.getfixturevalue("postgres")
    return server.database()


def start(what: Callable[..., None], *arguments: object) -> SpawnProcess:
    process = multiprocessing.get_context("spawn").Process(target=what, args=arguments)
    process.start()
    return process


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def running(url: str) -> Sequence[int]:
    """Ids that were asked and not told."""
    events = EventStore(url).events("s") if "s" in EventStore(url).names() else []
    asked = [query["id"] for event in events if event.kind is EventKind.ASKED for query in event.payload["queries"]]
    return sorted(set(asked) - {event.payload["id"] for event in events if event.kind is EventKind.TOLD})


def check_books(study: Study, log: Path) -> None:
    """Nothing is lost, nothing ran or was charged twice, but for what had run and could not be told any more."""
    ok = [o for o in study.state.observations if o.status is Status.OK]
    ran = Counter(line.rpartition(" ")[0] for line in log.read_text().splitlines())
    untold = Counter(o.query.architecture.key for o in study.state.observations if o.status is Status.LOST)
    once = Counter(o.query.architecture.key for o in ok)
    assert set(once.values()) == {1} and ran - once <= untold and not once - ran
    told = [event for event in study.store.events("s") if event.kind is EventKind.TOLD]
    assert len({event.payload["id"] for event in told}) == len(told) == len(study.state.observations)
    deciding = study.state.optimiser_seconds
    assert study.ledger.spent == pytest.approx(sum(o.seconds for o in study.state.observations) + deciding)
    assert study.ledger.spent <= study.ledger.total


def test_ends_of_evaluations_upset_nobody_and_decisions_do(url: str) -> None:
    first = lines.study(url, 1000.0)
    second = lines.study(url, join=True)
    second.journal.enter()
    (a,), (b,) = first.ask(), second.ask()
    assert (a.id, b.id) == (0, 1) and a.architecture != b.architecture
    first.tell(a, 1.0, seconds=1.0)
    second.tell(b, 2.0, seconds=1.0)  # written after the first's, which it had not seen
    assert [o.value for o in second.state.observations] == [1.0, 2.0]
    with pytest.raises(OvertakenError):
        first.journal.write(EventKind.TOLD, {"id": b.id, "status": "ok"})  # ended by somebody else
    (c,) = second.ask()
    with pytest.raises(OvertakenError):
        first.journal.write(EventKind.ASKED, {"queries": []})  # decided without knowing of c
    (d,) = first.ask()
    assert (c.id, d.id) == (2, 3) and c.architecture != d.architecture


def test_a_second_process_is_told_of_the_first(url: str, tmp_path: Path) -> None:
    process = start(lines.begin, url, 1000.0, 1.0, tmp_path / "log", 0.2)
    wait_for(lambda: running(url))
    with pytest.raises(StudyError, match=f"must not be run twice; process {process.pid} on .* --join"):
        lines.study(url)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    study = lines.study(url)  # the dead are no hindrance
    assert study.state.pending == {} and study.state.observations[-1].status is Status.LOST


def test_whoever_asks_repeats_what_the_dead_ran_though_others_live(url: str, tmp_path: Path) -> None:
    process = start(lines.begin, url, 1000.0, 1.0, tmp_path / "log", 60.0)
    wait_for(lambda: running(url))
    other, study = lines.study(url, join=True), lines.study(url, join=True)
    (dead,) = study.state.pending.values()
    other.journal.enter()  # what is free is shared by those that are there
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    (again,) = study.ask()
    assert (again.architecture, again.seed, again.id) == (dead.architecture, dead.seed, dead.id + 1)
    (living,) = other.ask()
    assert other.journal.orphans() == [] == study.journal.orphans() and living.architecture != again.architecture


def test_waiting_ends_with_what_is_buried_meanwhile(url: str, tmp_path: Path) -> None:
    """The end of a dead process' evaluation is news, though another that lives has none for as long as it likes."""
    first = lines.study(url, 1000.0)
    first.journal.enter()
    process = start(lines.work, url, 1.0, tmp_path / "log", 60.0)
    wait_for(lambda: len(first.store.members("s")) == 2)  # what is free is shared by those that are there
    (living,) = first.ask()
    wait_for(lambda: len(running(url)) == 2)
    study = lines.study(url, join=True)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert study.journal.wait(lambda: study._bury(study.journal.orphans()))
    assert list(study.state.pending) == [living.id] and len(study.state.requeued) == 1


@pytest.mark.parametrize("how", ["refused", "forgotten"])
def test_a_process_that_does_not_work_on_a_study_is_no_member(how: str, url: str) -> None:
    study = lines.study(url, 10.0)
    if how == "refused":
        with pytest.raises(StudyError, match="must be resumed with the policy"):
            Study(lines.SPACE, study.ladder, name="s", store=study.store, resume=True)
        assert study.store.members("s") == []
    else:
        study.ask()
        store = study.store
        assert len(store.members("s")) == 1
        del study
        gc.collect()
        assert store.members("s") == []


@pytest.mark.faults
def test_three_processes_share_a_study_and_one_is_killed(url: str, tmp_path: Path, fault: Callable[..., None]) -> None:
    log = tmp_path / "log"
    processes = [start(lines.begin, url, 120.0, 1.0, log, 0.2)]
    wait_for(lambda: running(url))
    processes += [start(lines.work, url, 1.0, log, 0.2) for _ in range(2)]
    wait_for(lambda: len(running(url)) == 3)
    before = len(log.read_text().splitlines())
    os.kill(processes[0].pid or 0, signal.SIGKILL)
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [-9, 0, 0]
    study = lines.study(url, join=True)
    check_books(study, log)
    assert len({line.rpartition(" ")[2] for line in log.read_text().splitlines()}) == 3
    assert sum(o.status is Status.OK for o in study.state.observations) >= 110  # of the 120 s, some went into deciding
    lost = [o for o in study.state.observations if o.status is Status.LOST]
    assert len(lost) <= 1 and study.state.pending == {}
    done, name = sum(o.status is Status.OK for o in study.state.observations), url.partition(":")[0]
    message = lost[0].message if lost else ""
    fault(f"one of three processes on a study is killed ({name})", "`kill -9`", before, done, study.ledger.spent, message)


def test_a_follower_is_told_the_history_first(tmp_path: Path):
    class Follower(AbstractFollower):
        def __init__(self) -> None:
            self.heard: list[tuple[str, int]] = []

        def begin(self, study: str, events: Sequence[Event]) -> None:
            self.heard = [(study, event.seq) for event in events]

        def __call__(self, event: Event, state: StudyState) -> None:
            assert state.events == event.seq + 1
            self.heard.append(("later", event.seq))

    url, follower = f"sqlite:///{tmp_path}/studies.db", Follower()
    study = bowl(tmp_path, follower, name="s")
    assert follower.heard == [("later", 0)]
    study.extend("+5s")
    assert follower.heard == [("later", 0), ("later", 1)]
    bowl(tmp_path, follower, name="s", resume=True).extend("+5s")
    assert follower.heard == [("s", 0), ("s", 1), ("later", 2)]
    assert len(EventStore(url).events("s")) == 3
