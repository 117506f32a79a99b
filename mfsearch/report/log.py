"""A study while it runs, one line an event: what a terminal scrolls, and what a log file keeps."""

from __future__ import annotations

from collections.abc import Callable

from mfsearch.budget import ChargeKind
from mfsearch.records import Observation, Status
from mfsearch.report.views import figure_of, incumbent_of, ladder_of, objective_of, show_figure
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds


class PlainLog:
    """Writes one line for whatever ends: a teacher, bought scores, an evaluation.

    Args:
        write: Takes one line without its end.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def on_event(self, event: Event, state: StudyState) -> None:
        """Say what happened, if it is worth a line."""
        if line := describe(event, state):
            self._write(f"[{format_seconds(state.ledger.spent)} of {format_seconds(state.ledger.total)}] {line}")

    def on_state(self, state: StudyState) -> None:
        """Nothing: what happened before is no news."""

    def on_beat(self, evaluation: int, elapsed: float) -> None:
        """Nothing: that something still runs is no news."""

    def on_progress(self, evaluation: int, fraction: float, text: str) -> None:
        """Nothing: a log has no place for what is half done."""


def counts(state: StudyState) -> str:
    """How many of what was done, by rung: `scores 100, nst3 12 (1 failed), full 4`."""
    parts = []
    for rung in ladder_of(state):
        name = rung["name"]
        if rung["kind"] == "score":
            parts.append(f"{name} {len(state.scores.get(name, {}))}")
            continue
        done = [o.status for o in state.observations if o.query.rung == name]
        bad = [f"{done.count(status)} {status.value}" for status in Status if status is not Status.OK and status in done]
        parts.append(f"{name} {done.count(Status.OK)}" + (f" ({', '.join(bad)})" if bad else ""))
    return ", ".join(parts)


def describe(event: Event, state: StudyState) -> str:
    """One line on an event that ends something; empty for the others."""
    if event.kind is EventKind.TOLD:
        return _told(state.observations[-1], state)
    if event.kind is EventKind.PREPARED:
        ready = state.prepared[-1]
        cached = (
            f", cached (originally {format_seconds(ready.original_seconds)})" if ready.seconds < ready.original_seconds else ""
        )
        return f"{ready.name} ready in {format_seconds(ready.seconds)}{cached}" + (f": {ready.details}" if ready.details else "")
    if event.kind is EventKind.SCORED:
        lines = [
            f"{len(batch['architectures'])} x {batch['rung']} in {format_seconds(batch['seconds'])}"
            for batch in event.payload["scores"]
        ]
        return f"scored {', '.join(lines)}"
    if event.kind is EventKind.GIVEN:
        return f"took {len(event.payload['observations'])} observations from {event.payload['origin']}"
    return ""


def _told(done: Observation, state: StudyState) -> str:
    objective = objective_of(state)
    name = next(str(rung["signal"]) for rung in ladder_of(state) if rung["name"] == done.query.rung).removeprefix("-")
    what = f"#{done.query.id} {done.query.rung}"
    took = f"in {format_seconds(done.seconds)}"
    key = done.query.architecture.key
    if done.status is not Status.OK:
        return f"{what}: {done.status.value} {took}: {' '.join(done.message.split())} | {key}"
    best = incumbent_of(state)
    so_far = "" if best is None else f", best {show_figure(objective, figure_of(state, best))}"
    return f"{what}: {name} {show_figure(objective, figure_of(state, done), name)} {took}{so_far} | {key}"


def spent_lines(state: StudyState) -> list[str]:
    """What was spent, one line each: `evaluation full: 12 in 63.1 s`."""
    lines = []
    for (kind, rung), charge in state.ledger.lines().items():
        what = f"{kind.value} {rung}".rstrip()
        count = "" if kind is ChargeKind.OPTIMISER else f"{charge.count} in "
        lines.append(f"{what}: {count}{format_seconds(charge.seconds)}")
    return lines
