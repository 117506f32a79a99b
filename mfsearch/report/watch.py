"""A study that another process runs, followed through its database: only what is new is read."""

from __future__ import annotations

import time
from collections.abc import Callable

from mfsearch.report.live import LiveDisplay
from mfsearch.report.log import PlainLog
from mfsearch.report.status import living
from mfsearch.store.members import Watch
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds

View = LiveDisplay | PlainLog


def follow(
    store: EventStore,
    name: str,
    view: View,
    every: float,
    say: Callable[[str], None],
    begun: Callable[[StudyState], None] = lambda state: None,
    wait: Callable[[float], None] = time.sleep,
) -> StudyState:
    """Show what happens to a study until it has stopped.

    Args:
        store: Where it is kept.
        name: The study.
        view: Is given what happens from now on; what happened before is only in the state that it begins with.
        every: Seconds between two looks.
        say: Takes notes for the reader, one line each: whether any process works on the study, where that changes.
        begun: Is given the state that it begins with: whatever happens after that is shown.
        wait: Waits so many seconds.

    Returns:
        The state in which it has stopped.

    Raises:
        StudyError: If there is no such study.
        StorageError: If the database stays away.
    """
    state = StudyState.replay(store.events(name))
    view.on_state(state)
    begun(state)
    watch, worked_on = Watch(), True
    while not state.stopped:
        if not state.settings["virtual"]:
            _show_progress(store, name, state, view)
        working = bool(living(store, name, watch))
        if working != worked_on:
            say(f"{name} is worked on again" if working else f"nothing runs {name}; go on with: mfsearch resume {name}")
        worked_on = working
        wait(every)
        for event in store.events(name, state.events - 1):
            state.apply(event)
            view.on_event(event, state)
    return state


def _show_progress(store: EventStore, name: str, state: StudyState, view: View) -> None:
    """How far evaluations are, by their heartbeats: of a process that died the clock stands still."""
    for id in state.pending:
        elapsed, expected = store.last_beat(name, id), state.expected[id]
        text = f"{format_seconds(elapsed)} of about {format_seconds(expected)}"
        view.on_progress(id, min(elapsed / expected, 1.0) if expected > 0 else 0.0, text)
        view.on_beat(id, elapsed)
