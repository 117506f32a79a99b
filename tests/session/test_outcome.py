from __future__ import annotations

import json

from mfsearch.session.outcome import Outcome, Watcher

SUMMARY = {
    "study": "toy-1",
    "answer": {
        "architecture": "a",
        "value": 1.0,
        "expected": 0.9,
        "interval": [0.5, 1.5],
        "test_accuracy": None,
        "evaluated_at_target": True,
    },
    "budget": {"spent_seconds": 9.0, "total_seconds": 10.0},
    "evaluations": [{}, {}],
}


def test_it_holds_what_the_summary_says():
    outcome = Outcome.of(SUMMARY, "report.md", None)
    found = outcome.to_json()
    assert json.loads(json.dumps(found)) == {
        "study": "toy-1",
        "architecture": "a",
        "value": 1.0,
        "expected": 0.9,
        "interval": [0.5, 1.5],
        "test_accuracy": None,
        "evaluated_at_target": True,
        "spent_seconds": 9.0,
        "budget_seconds": 10.0,
        "observations": 2,
        "report": "report.md",
        "weights": None,
    }
    assert outcome.summary is SUMMARY


def test_without_an_answer_there_is_nothing_but_the_costs():
    outcome = Outcome.of({**SUMMARY, "answer": None}, "report.md", None)
    assert (outcome.architecture, outcome.value, outcome.interval, outcome.evaluated_at_target) == (None, None, None, False)


def test_nobody_needs_to_watch():
    watcher = Watcher()
    watcher.say("x")
    watcher.on_progress(0, 0.5, "x")
