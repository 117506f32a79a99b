"""Processes that work on a study, and which of them still live.

Nobody's clock is compared with another's: a process of this machine is asked for by its number, and one of another machine shows that
it lives by a count that goes on.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from mfsearch.store.sql import EventStore

BEAT: Final = 3.0
"""Seconds between two signs of life of a process."""
SILENCE: Final = 30.0
"""Seconds without a sign of life after which a process of another machine counts as dead."""


class Member:
    """This process, as one that works on a study; in the database until `leave`, or until nobody holds this object.

    Args:
        store: Where the study is.
        study: Its name.
        slots: How many evaluations it runs side by side.

    Attributes:
        id: Names it in the events that it writes.
    """

    def __init__(self, store: EventStore, study: str, slots: int = 1) -> None:
        self.id = uuid.uuid4().hex
        self._done = threading.Event()
        if not store.in_memory:
            store.enter(study, self.id, here(), os.getpid(), started(os.getpid()) or 0.0, slots)
            threading.Thread(target=_beat, args=(store, self.id, self._done), daemon=True, name="mfsearch-member").start()
        self._end = weakref.finalize(self, _leave, store, self.id, self._done, os.getpid())

    def leave(self) -> None:
        """Say that it works no longer."""
        self._end()


class Watch:
    """Tells the dead among the processes that work on a study."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}

    def dead(self, members: Iterable[Mapping[str, Any]]) -> set[str]:
        """Ids of those that are known to be dead, of what `EventStore.members` gave.

        Those of this machine are known at once, those of others when they have been silent between calls for long enough.
        """
        found = set()
        for member in members:
            id, beats = str(member["id"]), int(member["beats"])
            if member["host"] == here():
                if started(int(member["pid"])) != float(member["started"]):
                    found.add(id)
                continue
            count, since = self._seen.get(id, (-1, 0.0))
            if count != beats:
                self._seen[id] = (beats, time.monotonic())
            elif time.monotonic() - since > SILENCE:
                found.add(id)
        return found

    def wait(self, store: EventStore, study: str) -> list[dict[str, Any]]:
        """The living, after as long as it takes to tell: at once where all are of this machine."""
        first = {member["id"]: member["beats"] for member in store.members(study)}
        while True:
            members = store.members(study)
            dead = self.dead(members)
            living = [member for member in members if member["id"] not in dead]
            if all(member["host"] == here() or member["beats"] != first.get(member["id"]) for member in living):
                return living
            time.sleep(0.5)


def here() -> str:
    """This machine, or container: processes with equal numbers in two of them are not the same."""
    space = ""
    with contextlib.suppress(OSError):
        space = f"/{Path('/proc/self/ns/pid').stat().st_ino}"
    return f"{socket.gethostname()}{space}"


def started(pid: int) -> float | None:
    """When a process of this machine began, in ticks since the machine did; 0 where that cannot be had; None: there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if stat[0] == "Z" else float(stat[19])
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return 0.0


def _leave(store: EventStore, member: str, done: threading.Event, pid: int) -> None:
    done.set()
    if not store.in_memory and os.getpid() == pid:  # a process that was forked from it holds a copy
        store.leave(member)


def _beat(store: EventStore, member: str, done: threading.Event) -> None:
    while not done.wait(BEAT):
        store.show(member)
