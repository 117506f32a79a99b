"""What trackers share: a study as points on curves, and a thread of its own that sends them.

A point is an evaluation that has ended; its step is its place among the study's observations, from 0. Nothing waits for a tracker but
the beginning and the end of a study, and these for a bounded time.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import re
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from mfsearch.records import Status
from mfsearch.report.views import figure_of, objective_of, target_of
from mfsearch.store.events import Event, EventKind, uncollected
from mfsearch.store.journal import AbstractFollower
from mfsearch.store.state import StudyState

Setting = str | int | float | bool

_LOG = logging.getLogger("mfsearch")
_PAUSE: Final = 1.0  # seconds between two deliveries: what ends meanwhile goes together


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation that has ended.

    Attributes:
        step: Its place among the study's observations, from 0.
        at: Unix time in seconds.
        rung: Where it was evaluated.
        figure: The figure that the rung's signal names, in its own unit; None where there is none.
        seconds: Device seconds charged.
        best: Best figure at the target so far, in the objective's unit; None before the first.
        spent: Device seconds of the whole study so far.
    """

    step: int
    at: float
    rung: str
    figure: float | None
    seconds: float
    best: float | None
    spent: float

    def curves(self) -> dict[str, float]:
        """The point's figures by the names of their curves; `spent_seconds`, which every point has, is the last."""
        rung = safe(self.rung)
        figures = {f"value/{rung}": self.figure, f"seconds/{rung}": self.seconds, "best": self.best, "spent_seconds": self.spent}
        return {name: figure for name, figure in figures.items() if figure is not None}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Figures of a recommended architecture that no search saw.

    Attributes:
        step: Number of observations when it was judged.
        at: Unix time in seconds.
        architecture: Its key.
        figures: By name, in their own units (`test_accuracy` is percent).
    """

    step: int
    at: float
    architecture: str
    figures: Mapping[str, float]

    def curves(self) -> dict[str, float]:
        """Its figures by the names that trackers give them."""
        return {f"judged/{safe(name)}": figure for name, figure in self.figures.items() if figure is not None}


@dataclass
class Record:
    """A study as trackers show it.

    Attributes:
        study: Its name.
        id: 16 hexadecimal digits that no other study has, be it of the same name.
        settings: What was set, by dotted names.
        points: What has ended, in order.
        verdicts: Figures of recommended architectures, in order.
        stopped: Why the last run ended; empty while one goes on.
    """

    study: str
    id: str = ""
    settings: dict[str, Setting] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    stopped: str = ""

    def note(self, event: Event, state: StudyState) -> None:
        """Take an event in, and the state after it."""
        self.stopped = state.stopped
        if event.kind is EventKind.CREATED:
            self.id = hashlib.sha256(f"{self.study}\n{event.at!r}".encode()).hexdigest()[:16]
            self.settings = dict(_leaves({key: value for key, value in event.payload.items() if key != "ladder"}))
            self.settings["ladder"] = ", ".join(str(rung["name"]) for rung in event.payload["ladder"])
        elif event.kind is EventKind.JUDGED:
            self.verdicts.append(
                Verdict(len(self.points), event.at, event.payload["architecture"], dict(event.payload["figures"]))
            )
        new = state.observations[len(self.points) :]
        if not new:
            return
        objective, target = objective_of(state), target_of(state)
        for observation in new:
            best = self.points[-1].best if self.points else None
            if observation.query.rung == target and observation.status is Status.OK and observation.value is not None:
                figure = objective.shown(observation.value)
                better = best is None or observation.value > objective.sign * best
                best = figure if better else best
            self.points.append(
                Point(
                    len(self.points),
                    event.at,
                    observation.query.rung,
                    figure_of(state, observation) if observation.status is Status.OK else None,
                    observation.seconds,
                    best,
                    state.ledger.spent,
                )
            )


class AbstractTracker(AbstractFollower):
    """Sends a study's points somewhere, from a thread of its own.

    The run there is closed when the study stops. Within a `with` block it stays open until the end of the block, so that what is
    judged after the search belongs to it. A study that is resumed goes on in the same run, with what was missed meanwhile. Whatever
    fails is warned of once, through the logger `mfsearch`, and left out; the search goes on.

    Attributes:
        service: What it is called in messages.
        patience: Seconds that opening the run may take, and closing it; after these it is left out.
    """

    service: str
    patience: float = 30.0

    def __init__(self) -> None:
        self._record = Record("")
        self._thread: threading.Thread | None = None
        self._news, self._ending = threading.Event(), threading.Event()
        self._opened, self._left_out = threading.Event(), threading.Event()
        self._held = False

    @abstractmethod
    def open(self, record: Record) -> int:
        """Begin the study's run, or go on with it; how many points it has."""

    @abstractmethod
    def send(self, points: Sequence[Point]) -> None:
        """Send points, in order."""

    @abstractmethod
    def finish(self, record: Record) -> None:
        """Send the verdicts, and close the run."""

    def begin(self, study: str, events: Sequence[Event]) -> None:
        """Take up a study; what it has done before is sent, too."""
        self.close()
        self._record = Record(study)
        if not events:
            return
        state = StudyState()
        with uncollected():
            for event in events:
                state.apply(event)
                self._record.note(event, state)
        self._wake()
        self._await()

    def __call__(self, event: Event, state: StudyState) -> None:
        """Note what is worth a point, and leave the sending to the thread."""
        if self._left_out.is_set():
            return
        self._record.note(event, state)
        # Decisions alone are nothing to send: a run that was closed stays so.
        if event.kind in (EventKind.CREATED, EventKind.TOLD, EventKind.GIVEN, EventKind.JUDGED, EventKind.STOPPED):
            self._wake()
        if event.kind is EventKind.CREATED:
            self._await()
        # What is judged after the end opens the run once more, for a moment.
        if not self._held and event.kind in (EventKind.STOPPED, EventKind.JUDGED) and self._record.stopped:
            self.close()

    def close(self) -> None:
        """Send what is left and close the run; without one, nothing."""
        thread = self._thread
        if thread is None:
            return
        self._ending.set()
        self._news.set()
        if not self._left_out.is_set():
            thread.join(self.patience)
        if thread.is_alive():
            self._leave_out(f"no answer within {self.patience:g} s")
        self._thread = None
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        self._held = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._held = False
        self.close()

    def _wake(self) -> None:
        if self._thread is None and not self._left_out.is_set():
            self._ending.clear()
            self._opened.clear()
            self._thread = threading.Thread(
                target=self._deliver, args=(self._record,), name=f"mfsearch {self.service}", daemon=True
            )
            self._thread.start()
        self._news.set()

    def _await(self) -> None:
        """Wait until the run is open: to make a database takes a library seconds, which must not be an evaluation's."""
        if not self._opened.wait(self.patience):
            self._leave_out(f"no answer within {self.patience:g} s")

    def _deliver(self, record: Record) -> None:
        try:
            sent = self.open(record)
            self._opened.set()
            if self._left_out.is_set():  # too late
                return
            # Registered after the library's own, so that it is called before: an open run can still be written to then.
            atexit.register(self.close)
            while True:
                ending = self._ending.is_set()  # asked first: what comes later is sent in another round
                points = record.points[sent:]
                if points:
                    self.send(points)
                sent += len(points)
                if ending:
                    break
                self._news.wait()
                self._news.clear()
                self._ending.wait(_PAUSE)
            self.finish(record)
        except Exception as error:  # of many classes: whatever it is, the search goes on
            self._leave_out(f"{type(error).__name__}: {' '.join(str(error).split())[:500]}".rstrip(". "))

    def _leave_out(self, why: str) -> None:
        self._opened.set()
        if not self._left_out.is_set():
            self._left_out.set()
            _LOG.warning(
                "%s must take what it tracks; got %s. The search goes on without it; a resumed study is caught up on.",
                self.service,
                why,
            )


def safe(name: str) -> str:
    """A name that every service takes: letters, digits, `_ - . /` and spaces; others become `_`."""
    return re.sub(r"[^\w./ -]", "_", name, flags=re.ASCII)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Setting]]:
    """Dotted name and value of everything in nested mappings; lists are written as text."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, safe(f"{key}.{name}" if key else str(name)))
    elif value is not None:
        yield key, value if isinstance(value, str | int | float | bool) else str(value)
