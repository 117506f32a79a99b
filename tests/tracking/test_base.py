from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from os import environ, pathsep
from pathlib import Path

import pytest
from bowl import bowl

from mfsearch.records import Status
from mfsearch.report.views import figure_of, incumbent_of
from mfsearch.store.events import EventKind
from mfsearch.store.state import StudyState
from mfsearch.study import Study
from mfsearch.tracking.base import AbstractTracker, Point, Record, safe


class Shelf(AbstractTracker):
    """Keeps what it is sent, run by run, as a service would."""

    service = "The shelf"

    def __init__(self, patience: float = 30.0) -> None:
        super().__init__()
        self.patience = patience
        self.points: list[Point] = []
        self.done: list[str] = []
        self.judged: dict[str, float] = {}
        self.id = ""

    def open(self, record: Record) -> int:
        self.done.append("open")
        self.id = record.id
        return len(self.points)

    def send(self, points: Sequence[Point]) -> None:
        self.points += points

    def finish(self, record: Record) -> None:
        self.done.append(f"closed: {record.stopped}")
        for verdict in record.verdicts:
            self.judged |= verdict.curves()


class Broken(Shelf):
    """Fails, or hangs, at one of its calls."""

    def __init__(self, at: str, how: Callable[[], None], patience: float = 30.0) -> None:
        super().__init__(patience)
        self._at, self._how = at, how

    def open(self, record: Record) -> int:
        if self._at == "open":
            self._how()
        return super().open(record)

    def send(self, points: Sequence[Point]) -> None:
        if self._at == "send":
            self._how()

    def finish(self, record: Record) -> None:
        if self._at == "finish":
            self._how()


def expected(study: Study) -> list[Point]:
    """The points of a study, from its history, each by itself."""
    state = StudyState()
    points: list[Point] = []
    for event in study.store.events(study.name):
        state.apply(event)
        for place in range(len(points), len(state.observations)):
            ended = state.observations[place]
            best = incumbent_of(state)
            points.append(
                Point(
                    place,
                    event.at,
                    ended.query.rung,
                    figure_of(state, ended) if ended.status is Status.OK else None,
                    ended.seconds,
                    None if best is None else figure_of(state, best),
                    state.ledger.spent,
                )
            )
    return points


def test_points_are_what_the_history_says(tmp_path: Path):
    shelf = Shelf()
    study = bowl(tmp_path, shelf)
    study.run()
    assert shelf.points == expected(study)
    assert {point.rung for point in shelf.points} == {"rough cut", "exact!"}
    assert any(point.figure is None for point in shelf.points)
    assert shelf.done == ["open", f"closed: {study.state.stopped}"]


def test_curves_of_a_point():
    point = Point(3, 9.0, "exact!", 0.25, 4.0, None, 12.0)
    assert point.curves() == {"value/exact_": 0.25, "seconds/exact_": 4.0, "spent_seconds": 12.0}
    assert list(Point(3, 9.0, "a", None, 4.0, 0.5, 12.0).curves()) == ["seconds/a", "best", "spent_seconds"]
    assert safe("a b-c_d.e/f:g ü") == "a b-c_d.e/f_g _"


def test_settings_are_flat(tmp_path: Path):
    record = Record("bowl")
    study = bowl(tmp_path)
    record.note(study.store.events("bowl")[0], study.state)
    assert record.settings["ladder"] == "rough cut, exact!"
    assert record.settings["objective.direction"] == "minimise"
    assert (record.settings["config.problem.use"], record.settings["config.sizes"]) == ("bowl", "[1, 2]")
    assert (record.settings["seed"], record.settings["budget_seconds"], record.settings["virtual"]) == (0, 40.0, True)


def test_what_was_given_counts(tmp_path: Path):
    shelf = Shelf()
    with shelf:
        study = bowl(tmp_path, shelf)
        study.give("old", [(study.space.parse('{"x": 0.5}'), "exact!", {"loss": 0.04})] * 2)
    assert [(point.step, point.figure, point.seconds, point.best, point.spent) for point in shelf.points] == [
        (0, 0.04, 0.0, 0.04, 0.0),
        (1, 0.04, 0.0, 0.04, 0.0),
    ]


def test_a_resumed_study_is_caught_up_on_and_has_the_same_id(tmp_path: Path):
    shelf = Shelf()
    bowl(tmp_path, shelf).run()
    id, first = shelf.id, len(shelf.points)
    bowl(tmp_path, resume=True, budget="+10s").run()
    study = bowl(tmp_path, shelf, resume=True, budget="+10s")
    study.run()
    assert shelf.points == expected(study)
    assert len(shelf.points) > first
    assert shelf.id == id and len(id) == 16
    (tmp_path / "other").mkdir()
    bowl(tmp_path / "other", shelf).run()
    assert shelf.id != id


def test_a_verdict_opens_the_run_again_and_a_block_keeps_it_open(tmp_path: Path):
    shelf = Shelf()
    study = bowl(tmp_path, shelf)
    study.run()
    architecture = study.state.observations[0].query.architecture
    study.judge(architecture, {"test_accuracy": 91.5})
    assert shelf.judged == {"judged/test_accuracy": 91.5}
    assert [word.split(":")[0] for word in shelf.done] == ["open", "closed", "open", "closed"]
    with Shelf() as held:
        study = bowl(tmp_path, held, resume=True, budget="+10s")
        study.run()
        study.judge(architecture, {"regret": 0.5})
        assert [word.split(":")[0] for word in held.done] == ["open"]
    assert held.judged == {"judged/test_accuracy": 91.5, "judged/regret": 0.5}
    assert held.points == expected(study)


def fails() -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.faults
@pytest.mark.parametrize("at", ["open", "send", "finish"])
def test_a_tracker_that_fails_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture, at: str):
    study = bowl(tmp_path, Broken(at, fails))
    assert study.run() is not None
    study.judge(study.state.observations[0].query.architecture, {"regret": 0.5})
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "The shelf must take what it tracks; got OSError: [Errno 28] No space left on device. The search goes on without it; a resumed "
        "study is caught up on."
    ]


def hang(until: threading.Event) -> None:
    until.wait(60)


@pytest.mark.faults
@pytest.mark.parametrize("at", ["open", "send", "finish"])
def test_a_tracker_that_hangs_costs_its_patience_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, at: str, fault: Callable[..., None]
):
    never = threading.Event()
    seconds = []
    for name, listeners in (("bare", []), ("study", [Broken(at, lambda: hang(never), patience=0.5)])):
        began = time.monotonic()
        one = bowl(tmp_path, *listeners, name=name)
        one.run()
        one.judge(one.state.observations[0].query.architecture, {"regret": 0.5})
        seconds.append(time.monotonic() - began)
    never.set()
    assert 0.5 <= seconds[1] < seconds[0] + 1.5
    assert "got no answer within 0.5 s" in caplog.text
    if at == "send":
        ended, message = len(one.state.observations), caplog.records[-1].getMessage()
        fault("a tracker hangs", "a minute in each of its calls; patience of 0.5 s", 0, ended, one.ledger.spent, message)


def test_nothing_waits_while_the_search_runs(tmp_path: Path):
    """A slow service slows nothing down but the end: what ends meanwhile goes together."""
    sent: list[int] = []

    class Slow(Shelf):
        def send(self, points: Sequence[Point]) -> None:
            time.sleep(0.3)
            sent.append(len(points))
            super().send(points)

    shelf, seconds = Slow(), 0.0
    with shelf:
        study = bowl(tmp_path, shelf, budget="100s")
        began = time.monotonic()
        study.run()
        seconds = time.monotonic() - began
    assert shelf.points == expected(study)
    assert len(sent) <= 2 + seconds  # a delivery a second, and the one at the end
    assert sum(sent) == len(study.state.observations) > 30


def test_what_was_told_and_never_stopped_is_sent_at_exit(tmp_path: Path):
    code = """
import sys
from pathlib import Path
from bowl import bowl
from mfsearch.tracking.tensorboard import TensorBoard

folder = Path(sys.argv[1])
study = bowl(folder, TensorBoard(folder / "runs"))
for query in study.ask(3):
    study.tell(query, 0.5, seconds=1.0)
"""
    environment = {**environ, "PYTHONPATH": pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "must take" not in done.stderr, done.stderr
    study = bowl(tmp_path, resume=True)
    (file,) = (tmp_path / "runs").rglob("events.out*")
    told = [event for event in study.store.events("bowl") if event.kind is EventKind.TOLD]
    assert file.read_bytes().count(b"spent_seconds") == len(told) > 0
