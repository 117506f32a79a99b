from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mfsearch.allocation.random_search import RandomSearch
from mfsearch.fidelities.function import fidelity
from mfsearch.records import Architecture, Objective
from mfsearch.spaces.box import BoxSpace
from mfsearch.store.events import EventKind
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

pytestmark = pytest.mark.timeout(120)


@fidelity(cost=1.0, signal="height")
def look(architecture: Architecture, context: Any) -> float:
    return 0.5


@pytest.fixture
def study(tmp_path: Path) -> Study:
    store = EventStore(f"sqlite:///{tmp_path / 'studies.db'}")
    space = BoxSpace("line", {"x": (0.0, 1.0)})
    return Study(
        space, [look], "1h", objective=Objective("height", unit="none"), policy=RandomSearch(), name="other", store=store
    )


def start(study: Study, tmp_path: Path, **more: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mfsearch", "watch", "other", "--every", "0.1"]
    environment = {**os.environ, "MFSEARCH_STORAGE": study.store.url, "PYTHONPATH": ":".join(sys.path), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen([*command], env=environment, stderr=subprocess.PIPE, text=True, cwd=tmp_path, **more)


def step(study: Study, value: float) -> None:
    (query,) = study.ask()
    study.tell(query, {"height": value}, seconds=2.0)


def test_lines_for_a_pipe(study: Study, tmp_path: Path):
    step(study, 0.25)
    watch = start(study, tmp_path, stdout=subprocess.PIPE)
    assert watch.stdout is not None
    first = watch.stdout.readline()
    assert first.startswith("other: open; last event ")
    step(study, 0.75)
    line = watch.stdout.readline()
    assert "#1 look: height 0.75 in 2.0 s, best 0.75" in line
    study.journal.write(EventKind.STOPPED, {"reason": "of the test"})
    rest, errors = watch.communicate(timeout=60)
    assert (watch.returncode, errors) == (0, "")
    assert rest.splitlines()[0] == "other: ended because of the test"
    assert "\x1b" not in first + line + rest


def test_a_live_view_for_a_terminal(study: Study, tmp_path: Path):
    step(study, 0.25)
    outer, inner = pty.openpty()
    watch = start(study, tmp_path, stdout=inner)
    os.close(inner)
    assert watch.stderr is not None
    page = _read(outer, lambda page: "deciding" in page)
    step(study, 0.75)
    page += _read(outer, lambda page: "#1 look: height 0.75" in page)
    study.journal.write(EventKind.STOPPED, {"reason": "of the test"})
    page += _read(outer, lambda page: False)
    os.close(outer)
    with watch:
        assert watch.stderr.read() == ""
    assert watch.returncode == 0
    assert "\x1b[" in page and "#0 look" not in page
    assert "other: ended because of the test" in page


def test_an_interrupt_leaves_as_everywhere(study: Study, tmp_path: Path):
    # Whoever starts the tests may ignore Ctrl-C, as a shell's background jobs do, and hand that down.
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    watch = start(study, tmp_path, stdout=subprocess.PIPE, preexec_fn=heeded)
    assert watch.stdout is not None
    watch.stdout.readline()
    time.sleep(0.3)
    watch.send_signal(signal.SIGINT)
    _, errors = watch.communicate(timeout=60)
    assert (watch.returncode, errors) == (130, "Error: interrupted.\n")


def test_one_that_has_ended(call, finished: str):
    done = call("watch", finished)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].startswith("mine: ended because ")
    assert done.stdout.splitlines() == call("status", finished).stdout.splitlines()


def _read(file: int, enough: Callable[[str], bool]) -> str:
    """What a terminal is told, until it is enough, or its other end is closed."""
    page = ""
    while not enough(page):
        try:
            part = os.read(file, 4096)
        except OSError:  # Linux says so where the other end is closed
            break
        if not part:
            break
        page += part.decode(errors="replace")
    return page
