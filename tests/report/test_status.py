from __future__ import annotations

import json
import os

import pytest

from mfsearch.errors import StudyError
from mfsearch.report.status import best_figure, status_lines, study_status
from mfsearch.store.events import EventKind
from mfsearch.store.members import here, started


def test_an_open_study_shows_what_runs(history):
    history.store.beat("toy-1", 6, 3.5)
    found = study_status(history.store, "toy-1")
    assert (found["state"], found["spent_seconds"], found["budget_seconds"]) == ("open", pytest.approx(31.35), 100.0)
    assert found["running"] == [{"evaluation": 6, "rung": "few", "architecture": "e", "seconds": 3.5, "expected_seconds": 4.0}]
    assert found["best"]["figure"] == 78.5
    assert found["counts"] == "proxies 3, few 1 (1 failed), full 3 (1 cut)"
    assert 0 <= found["seconds_since_last_event"] < 60
    json.dumps(found, allow_nan=False)


def test_processes_that_work_on_it_are_named_and_the_dead_are_not(new_history):
    store = new_history().store
    store.enter("toy-1", "living", here(), os.getpid(), started(os.getpid()) or 0.0, 1)
    store.enter("toy-1", "dead", here(), os.getpid(), -1.0, 1)
    (found,) = study_status(store, "toy-1")["processes"]
    assert found["pid"] == os.getpid() and "/" not in found["host"]


def test_an_ended_study_says_why(new_history):
    history = new_history()
    history.add(EventKind.STOPPED, reason="nothing affordable is left")
    found = study_status(history.store, "toy-1")
    assert (found["state"], found["stopped"], found["best"]) == ("ended", "nothing affordable is left", None)


def test_a_study_that_is_not_there(new_history):
    with pytest.raises(StudyError, match="no study is called 'other'"):
        study_status(new_history().store, "other")


def test_it_is_said_in_a_few_lines(history, new_history):
    history.store.beat("toy-1", 6, 3.5)
    found = study_status(history.store, "toy-1")
    first, *lines = status_lines(found)
    assert first.startswith("toy-1: open; last event ") and first.endswith("Nothing runs it; go on with: mfsearch resume toy-1")
    assert lines == [
        "  spent    31.4 s of 1 min 40 s",
        "  done     proxies 3, few 1 (1 failed), full 3 (1 cut)",
        "  running  #6 few, 3.5 s of about 4.0 s: e",
        "  best     78.50% |a~0|+|b~0|`c`~1|",
    ]
    empty = study_status(new_history().store, "toy-1")
    assert (best_figure(found), best_figure(empty)) == ("78.50%", "-")
    assert status_lines(empty)[-1] == "  best     none at full yet"
