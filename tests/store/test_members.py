"""Which processes live."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mfsearch.store import members
from mfsearch.store.members import Member, Watch, here, started
from mfsearch.store.sql import EventStore


def row(id: str, host: str, pid: int, began: float, beats: int = 0) -> dict[str, Any]:
    return {"id": id, "host": host, "pid": pid, "started": began, "slots": 1, "beats": beats}


def test_a_process_is_known_by_its_number_and_its_beginning() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    began = started(child.pid)
    assert began is not None and began >= (started(os.getpid()) or 0)
    assert Watch().dead([row("a", here(), child.pid, began)]) == set()
    assert Watch().dead([row("a", here(), child.pid, began - 1)]) == {"a"}  # the number was given to another process since
    child.kill()
    while started(child.pid) is not None:  # nobody has waited for it: its number is still taken
        pass
    assert Watch().dead([row("a", here(), child.pid, began)]) == {"a"}
    child.wait()
    assert started(child.pid) is None


def test_a_process_of_another_machine_is_dead_when_it_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watch = Watch()
    for seconds, beats, dead in ((0, 5, False), (29, 5, False), (31, 5, True), (32, 6, False), (61, 6, False), (63, 6, True)):
        now[0] = seconds
        assert watch.dead([row("a", "elsewhere", 1, 0.0, beats)]) == ({"a"} if dead else set()), seconds


def test_a_member_shows_that_it_lives_and_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "BEAT", 0.05)
    store = EventStore(f"sqlite:///{tmp_path}/studies.db")
    store.create("a", {})
    member = Member(store, "a")
    (found,) = store.members("a")
    assert (found["id"], found["host"], found["pid"]) == (member.id, here(), os.getpid())
    assert Watch().wait(store, "a")[0]["id"] == member.id
    while store.members("a")[0]["beats"] < 2:
        pass
    member.leave()
    assert store.members("a") == []


def test_nobody_else_can_work_on_a_study_in_memory() -> None:
    store = EventStore()
    store.create("a", {})
    Member(store, "a").leave()
    assert store.members("a") == []
