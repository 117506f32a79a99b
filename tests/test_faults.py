"""What goes wrong around a study: the database, its disk, the clock, the signals of a cluster. Every fault is a real one."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path

import lines
import pytest
from hostile_rungs import HostileOnce
from postgres import Server

from mfsearch.allocation.random_search import RandomSearch
from mfsearch.errors import StorageError
from mfsearch.execution.local import LocalExecutor
from mfsearch.records import Status
from mfsearch.store.events import EventKind
from mfsearch.store.members import started
from mfsearch.store.sql import EventStore
from mfsearch.study import Study
from tests.store.test_journal import check_books

pytestmark = pytest.mark.faults


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that a test may end."""
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of eight megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte on the disk."""
    with (folder / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 512)


def later(seconds: float, what: Callable[[], object]) -> None:
    threading.Timer(seconds, what).start()


@pytest.mark.parametrize(
    ("name", "act", "status", "repeated", "message"),
    [
        ("an evaluation raises", "fail", Status.FAILED, True, "ValueError: no such thing"),
        ("an evaluation returns no number", "give:nan", Status.FAILED, True, "must be finite; got nan"),
        ("an evaluation returns infinity", "give:inf", Status.FAILED, True, "must be finite; got inf"),
        ("an evaluation hangs", "hang:600", Status.CUT, False, "had passed, and it did not stop"),
        ("a worker is killed", "die", Status.LOST, True, "ended by signal 9"),
        ("a worker ends by itself", "leave:3", Status.LOST, True, "ended with exit code 3"),
        ("an evaluation exhausts its memory", "eat:64", Status.FAILED, True, "MemoryError"),
        ("an evaluation writes without end", "shout:64", Status.FAILED, True, "ValueError: shouted"),
        ("an evaluation leaves a process behind", "fork:1", Status.OK, False, ""),
    ],
)
def test_an_evaluation_misbehaves(
    name: str, act: str, status: Status, repeated: bool, message: str, tmp_path: Path, fault: Callable[..., None]
) -> None:
    rung = HostileOnce(tmp_path, act, at=5, longest=0.5)
    study = Study(
        lines.SPACE, [rung], 6.0, policy=RandomSearch(), executor=LocalExecutor(1, memory=32.0), workdir=tmp_path / "work"
    )
    study.run()
    seen = study.state.observations
    assert seen[4].status is status and message in seen[4].message
    assert {o.status for o in [*seen[:4], *seen[5:]]} <= {Status.OK, Status.CUT}  # the last may meet the end
    assert (seen[5].query.architecture == seen[4].query.architecture) is repeated
    done = [o.query.architecture for o in seen if o.status is Status.OK]
    assert len(done) == len(set(done)) and len(done) > 8
    assert study.ledger.spent == pytest.approx(sum(o.seconds for o in seen) + study.state.optimiser_seconds)
    assert study.ledger.spent <= 6.0
    if child := seen[4].extras.get("child"):
        assert started(int(str(child))) is None
    fault(name, f"`{act}` in a worker process", 4, len(done), seen[4].seconds, seen[4].message)


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_the_server_is_restarted(
    how: str, own: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Callable[..., None]
) -> None:
    url, log = own.database(), tmp_path / "log"
    study = lines.study(url, 60.0, log=log, sleep=0.05)

    before = []

    def restart() -> None:
        before.append(len(study.state.observations))
        own.stop(how)
        time.sleep(1.0)
        own.start()

    later(1.0, restart)
    with caplog.at_level(logging.WARNING, "mfsearch"):
        study.run()
    assert "Trying again for" in caplog.text
    again = lines.study(url, join=True)
    check_books(again, log)
    done = len(log.read_text().splitlines())
    assert done >= 55
    fault(
        f"PostgreSQL is restarted ({how})",
        "`pg_ctl stop`, a second later `start`",
        before[0],
        done,
        again.ledger.spent,
        caplog.messages[0],
    )


def test_connections_are_cut(own: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Callable[..., None]) -> None:
    url, log = own.database(), tmp_path / "log"
    study = lines.study(url, 60.0, log=log, sleep=0.05)
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres' AND pid <> pg_backend_pid()"
    for seconds in (0.5, 1.0, 1.5, 2.0):
        later(seconds, lambda: own.ask(cut, "postgres"))
    with caplog.at_level(logging.WARNING, "mfsearch"):
        study.run()
    assert "Trying again for" in caplog.text
    again = lines.study(url, join=True)
    check_books(again, log)
    done = len(again.state.observations)
    what = "`pg_terminate_backend`, four times"
    fault("connections to the database are cut", what, 0, done, again.ledger.spent, caplog.messages[0])


def test_the_server_stays_away(own: Server, tmp_path: Path, fault: Callable[..., None]) -> None:
    url = own.database()
    study = lines.study(url, 60.0, sleep=0.05)
    study.store._patience = 1.0
    later(1.0, lambda: own.stop("immediate"))
    with pytest.raises(StorageError, match=r"cannot .* the database postgresql://.*Check that it can be reached") as raised:
        study.run()
    known = len(study.state.observations)
    own.start()
    again = lines.study(url)
    assert len([o for o in again.state.observations if o.status is Status.OK]) >= known > 0
    assert all(o.status in (Status.OK, Status.LOST) for o in again.state.observations)
    kept = sum(o.status is Status.OK for o in again.state.observations)
    fault("PostgreSQL stays away", "`pg_ctl stop`; patience of a second", known, kept, again.ledger.spent, str(raised.value))


def test_the_disk_is_full_for_a_while(
    small: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Callable[..., None]
) -> None:
    url, log = f"sqlite:///{small}/studies.db", tmp_path / "log"
    study = lines.study(url, 100.0, log=log, sleep=0.02)
    before: list[int] = []

    def fill_up() -> None:
        before.append(len(study.state.observations))
        fill(small)

    later(0.5, fill_up)
    later(4.0, (small / "ballast").unlink)
    with caplog.at_level(logging.WARNING, "mfsearch"):
        study.run()
    assert "database or disk is full. Check" in caplog.text and "Trying again for" in caplog.text
    again = lines.study(url)
    check_books(again, log)
    done = len(again.state.observations)
    fault(
        "the disk is full for a while",
        "a file that fills a tmpfs for 3.5 s",
        before[0],
        done,
        again.ledger.spent,
        caplog.messages[0],
    )


def test_the_disk_stays_full(small: Path, fault: Callable[..., None]) -> None:
    url = f"sqlite:///{small}/studies.db"
    study = lines.study(url, 1e6, sleep=0.0)
    study.store._patience = 0.5
    fill(small)
    os.truncate(small / "ballast", (small / "ballast").stat().st_size - 500_000)
    with pytest.raises(StorageError, match=r"disk is full\. Check that it can be reached and written, has space") as raised:
        study.run()
    told = [event for event in study.store.events("s") if event.kind is EventKind.TOLD]
    assert len(told) == len(study.state.observations) > 10
    assert study.state.events == len(study.store.events("s"))
    fault("the disk stays full", "a tmpfs with half a megabyte left", len(told), len(told), study.ledger.spent, str(raised.value))


def test_the_clock_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., None]) -> None:
    """Wall-clock time is for readers alone: a day forth and two days back change nothing."""
    url, log = f"sqlite:///{tmp_path}/studies.db", tmp_path / "log"
    true, calls = time.time, iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: true() + (86_400.0, 0.0, -2 * 86_400.0)[next(calls) % 3])
    lines.study(url, 20.0, log=log, sleep=0.02).run()
    again = lines.study(url)
    check_books(again, log)
    fault(
        "the clock jumps", "a day forth and two days back at every look", 0, len(again.state.observations), again.ledger.spent, ""
    )
    at = [event.at for event in EventStore(url).events("s")]
    assert max(at) - min(at) > 86_400


@pytest.mark.parametrize("patience", [30.0, 0.0], ids=["in time", "killed after"])
def test_a_cluster_ends_the_job(patience: float, tmp_path: Path, fault: Callable[..., None]) -> None:
    """SIGTERM, as SLURM sends it before SIGKILL; what was asked is lost, and repeated by the next job."""
    storage = f"sqlite:///{tmp_path}/studies.db"
    command = [sys.executable, "-m", "mfsearch"]
    environment = {**os.environ, "MFSEARCH_HOME": str(tmp_path), "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    arguments = ["run", "--budget", "10min", "--study", "s", "--storage", storage, "--set", "policy=random"]
    job = subprocess.Popen([*command, *arguments], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 240
    kinds: list[EventKind] = []
    while EventKind.TOLD not in kinds or kinds[-1] is not EventKind.ASKED:  # one is done, and one is under way
        assert job.poll() is None and time.monotonic() < end
        kinds = [event.kind for event in _events(storage)] if (tmp_path / "studies.db").exists() else []
        time.sleep(0.1)
    job.send_signal(signal.SIGTERM)
    if patience:
        said = job.communicate(timeout=patience)[1].splitlines()[-1]
        assert job.returncode == 130 and "everything is saved. Go on with: mfsearch resume s" in said
    else:
        job.kill()
        job.communicate()
        said = ""
    before = _events(storage)
    told = [event.payload["id"] for event in before if event.kind is EventKind.TOLD and event.payload["status"] == "ok"]
    assert len(told) == len(set(told)) >= 1
    status = subprocess.run(
        [*command, "status", "s", "--storage", storage, "--json"], env=environment, capture_output=True, text=True
    )
    spent = json.loads(status.stdout)["spent_seconds"]
    assert spent > 0
    resume = [*command, "resume", "s", "--budget", f"{spent + 25:.1f}s", "--storage", storage]
    subprocess.run(resume, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=240)
    after = _events(storage)
    assert after[: len(before)] == before
    ended = {event.payload["id"]: event.payload for event in after if event.kind is EventKind.TOLD}
    asked = {query["id"]: query for event in after if event.kind is EventKind.ASKED for query in event.payload["queries"]}
    assert set(ended) == set(asked), "every evaluation ended, once"
    lost = next(asked[id] for id, payload in ended.items() if payload["status"] == "lost")
    repeats = [
        query for query in asked.values() if (query["architecture"], query["seed"]) == (lost["architecture"], lost["seed"])
    ]
    assert len(repeats) == 2
    done = [(asked[id]["architecture"], asked[id]["rung"]) for id, payload in ended.items() if payload["status"] == "ok"]
    assert len(done) == len(set(done)) > len(told) - 1
    name = "SIGTERM, with time to end" if patience else "SIGTERM, and at once SIGKILL"
    fault(name, "signals to `mfsearch run`, then `mfsearch resume`", len(told), len(done), spent, said)


def _events(storage: str) -> list:
    store = EventStore(storage)
    return store.events("s") if "s" in store.names() else []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_processes_resume_the_same_study(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, fault: Callable[..., None]
) -> None:
    """Both at once: one works, the other is told."""
    url = f"sqlite:///{tmp_path}/studies.db" if kind == "sqlite" else request.getfixturevalue("postgres").database()
    log = tmp_path / "log"
    lines.study(url, 30.0, log=log).store.close()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    said = [context.Queue(), context.Queue()]
    both: list[SpawnProcess] = [context.Process(target=lines.resume, args=(url, log, barrier, out)) for out in said]
    for process in both:
        process.start()
    answers = sorted(out.get(timeout=120) for out in said)
    for process in both:
        process.join()
    assert answers[0] == "" and "must not be run twice" in answers[1]
    again = lines.study(url)
    check_books(again, log)
    done = len(again.state.observations)
    fault(f"a study is resumed twice ({kind})", "two processes at once", 0, done, again.ledger.spent, answers[1])
