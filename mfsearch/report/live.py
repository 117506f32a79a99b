"""A study while it runs, in a terminal: what is spent, what runs, what is best."""

from __future__ import annotations

import time

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mfsearch.report.log import counts, describe
from mfsearch.report.views import figure_of, incumbent_of, objective_of, show_figure, target_of
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds

SHARED = -1
"""Evaluation id under which what is shared (teachers, scores) reports its progress."""


class LiveDisplay:
    """Budget bar, running evaluations with their progress, the best so far, and counts by rung; a context manager.

    Args:
        console: Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._state: StudyState | None = None
        self._progress: dict[int, tuple[float, str]] = {}
        self._began: dict[int, float] = {}
        self._live = Live(console=self.console, get_renderable=self.render, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def on_state(self, state: StudyState) -> None:
        """Begin with a study that is under way: what happened before does not scroll by."""
        self._state = state
        self._began = {id: time.monotonic() for id in state.pending}

    def on_beat(self, evaluation: int, elapsed: float) -> None:
        """Take in how many seconds an evaluation has run."""
        self._began[evaluation] = time.monotonic() - elapsed

    def on_event(self, event: Event, state: StudyState) -> None:
        """Take the new state in."""
        self._state = state
        if event.kind is EventKind.ASKED:
            self._began |= {item["id"]: time.monotonic() for item in event.payload["queries"]}
        elif event.kind is EventKind.TOLD:
            self._began.pop(event.payload["id"], None)
            self._progress.pop(event.payload["id"], None)
        elif event.kind in (EventKind.PREPARED, EventKind.SCORED):
            self._progress.pop(SHARED, None)
        if event.kind is not EventKind.SCORED and (line := describe(event, state)):
            self.console.print(Text(line, style="dim"), soft_wrap=True)

    def on_progress(self, evaluation: int, fraction: float, text: str) -> None:
        """Take the progress of one evaluation in."""
        self._progress[evaluation] = (fraction, text)

    def render(self) -> Group:
        """What is drawn now."""
        state = self._state
        if state is None or not state.settings:
            return Group(Text("starting ..."))
        return Group(self._budget(state), self._running(state), self._best(state), Text(f"done      {counts(state)}"))

    def _budget(self, state: StudyState) -> Table:
        ledger, now = state.ledger, time.monotonic()
        running = 0.0 if state.settings["virtual"] else sum(now - began for began in list(self._began.values()))
        spent = min(ledger.spent + running, ledger.total)
        line = Table.grid(padding=(0, 1))
        text = f"{format_seconds(spent)} of {format_seconds(ledger.total)}"
        line.add_row("budget   ", ProgressBar(total=ledger.total, completed=spent, width=40), text)
        return line

    def _running(self, state: StudyState) -> Table:
        line = Table.grid(padding=(0, 1))
        pending = list(state.pending.values())
        for query in pending[:8]:
            fraction, text = self._progress.get(query.id, (0.0, ""))
            bar = ProgressBar(total=1.0, completed=fraction, width=20)
            key = Text(query.architecture.key, overflow="ellipsis", no_wrap=True)
            line.add_row("running  ", bar, Text(f"#{query.id} {query.rung}"), Text(text), key)
        if not pending and SHARED in self._progress:
            fraction, text = self._progress[SHARED]
            line.add_row("preparing", ProgressBar(total=1.0, completed=fraction, width=20), Text(text))
        elif not pending:
            line.add_row("deciding ", "")
        return line

    def _best(self, state: StudyState) -> Text:
        best = incumbent_of(state)
        if best is None:
            return Text(f"best      none at {target_of(state)} yet")
        figure = show_figure(objective_of(state), figure_of(state, best))
        return Text(f"best      {figure} {best.query.architecture.key}", overflow="ellipsis", no_wrap=True)
