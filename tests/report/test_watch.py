from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rich.console import Console

from mfsearch.errors import StudyError
from mfsearch.report.live import LiveDisplay
from mfsearch.report.log import PlainLog
from mfsearch.report.watch import follow
from mfsearch.store.events import Event, EventKind
from mfsearch.store.members import here, started


def steps(*doings: Callable[[], Any]) -> Callable[[float], None]:
    """A clock: at each wait, the next thing is done by who runs the study."""
    left: Iterator[Callable[[], Any]] = iter(doings)
    return lambda seconds: next(left)()


def test_what_happens_from_now_on_is_told_until_it_stops(history, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    events = history.store.events

    def read(name: str, after: int = -1) -> list[Event]:
        asked.append(after)
        found: list[Event] = events(name, after)
        return found

    monkeypatch.setattr(history.store, "events", read)
    known = len(history.events)
    lines: list[str] = []
    running = history.state.pending[6]
    wait = steps(
        lambda: None,
        lambda: history.tell(running, 3.0, train_loss=0.25),
        lambda: history.add(EventKind.STOPPED, reason="the end"),
    )
    state = follow(history.store, "toy-1", PlainLog(lines.append), 1.0, lines.append, wait=wait)
    assert lines == [
        "nothing runs toy-1; go on with: mfsearch resume toy-1",
        "[34.4 s of 1 min 40 s] #6 few: train_loss 0.25 in 3.0 s, best 78.50% | e",
    ]
    assert (state.stopped, state.events) == ("the end", known + 2)
    assert asked == [-1, known - 1, known - 1, known]  # what was read is not read again


def test_whether_anybody_works_on_it_is_said_when_it_changes(history):
    store, me = history.store, os.getpid()
    notes: list[str] = []
    wait = steps(
        lambda: store.enter("toy-1", "m", here(), me, started(me) or 0.0, 1),
        lambda: None,
        lambda: store.leave("m"),
        lambda: None,
        lambda: history.add(EventKind.STOPPED, reason="the end"),
    )
    follow(store, "toy-1", PlainLog(lambda line: None), 1.0, notes.append, wait=wait)
    nothing = "nothing runs toy-1; go on with: mfsearch resume toy-1"
    assert notes == [nothing, "toy-1 is worked on again", nothing]


@pytest.mark.parametrize("virtual", [False, True])
def test_progress_is_that_of_the_heartbeats(new_history, virtual: bool):
    history = new_history(virtual=virtual)
    query = history.ask(0, "a", "few")
    history.store.beat("toy-1", 0, 3.0)
    pages: list[str] = []
    display = LiveDisplay(Console(file=io.StringIO(), width=100))

    def look() -> None:
        page = Console(file=io.StringIO(), width=100)
        page.print(display.render())
        pages.append(page.file.getvalue())  # type: ignore[attr-defined]

    wait = steps(look, lambda: history.tell(query, 4.0, train_loss=1.0), look, lambda: history.add(EventKind.STOPPED, reason="x"))
    follow(history.store, "toy-1", display, 1.0, lambda line: None, wait=wait)
    assert "#0 few" in pages[0]
    assert ("3.0 s of about 4.0 s" in pages[0]) is not virtual
    assert ("3.5 s of 1 min 40 s" in pages[0]) is not virtual  # half a second was spent on the decision
    assert "deciding" in pages[1]


def test_one_that_has_ended_is_left_at_once(new_history):
    history = new_history()
    history.add(EventKind.STOPPED, reason="the end")
    lines: list[str] = []
    assert follow(history.store, "toy-1", PlainLog(lines.append), 1.0, lines.append, wait=steps()).stopped == "the end"
    assert lines == []


def test_one_that_is_not_there(new_history):
    with pytest.raises(StudyError, match="no study is called 'other'"):
        follow(new_history().store, "other", PlainLog(print), 1.0, print)
