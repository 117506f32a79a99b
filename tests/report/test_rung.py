from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from mfsearch.errors import StudyError
from mfsearch.report.rung import lesson, render
from mfsearch.store.events import EventKind


def shown(found: dict[str, Any]) -> str:
    page = Console(file=io.StringIO(), width=120)
    page.print(render(found))
    return page.file.getvalue()  # type: ignore[attr-defined]


def test_what_a_lower_rung_taught(history):
    found = lesson("toy-1", history.events, "few", 0.625)
    # Evaluation 0 ended before 1 to 6 were decided; of the four at the target, only 4 is of an architecture that it had judged.
    assert {key: found[key] for key in ("runs", "failed", "running", "seconds", "decisions", "target_runs", "seen_before")} == {
        "runs": 1,
        "failed": 1,
        "running": 1,
        "seconds": 3.0,
        "decisions": 6,
        "target_runs": 4,
        "seen_before": 1,
    }
    assert found["share"] == pytest.approx(3.0 / history.state.ledger.spent)
    assert found["last"] == {"evaluation": 6, "spent_seconds": pytest.approx(30.85), "decisions_after": 0}
    assert found["sentence"] == "few tells full with a learned correlation of 0.62: 1 run for 3.0 s, known to 6 decisions."
    page = shown(found)
    assert "1, 1 more did not end well, 1 running" in page
    assert "0.625" in page


def test_what_the_target_and_the_scores_taught(history):
    target = lesson("toy-1", history.events, "full", 0.9)
    assert (target["runs"], target["failed"], target["decisions"]) == (3, 1, 4)
    assert target["sentence"] == "full is the target, which the study is about: 3 runs for 24 s."
    assert "correlation" not in shown(target)
    scores = lesson("toy-1", history.events, "proxies", unknown="its scores are inputs")
    assert (scores["runs"], scores["seconds"], scores["decisions"], scores["seen_before"]) == (3, 0.6, 7, 3)
    assert scores["sentence"] == "proxies: 3 architectures scored for 0.6 s, known to 7 decisions."
    assert "its scores are inputs" in shown(scores) and "bought last" in shown(scores)


def test_a_useless_rung_says_since_when(history):
    useless = {"few": {"since_seconds": 20.0, "correlation": 0.11}}
    history.add(EventKind.ASKED, queries=[], memory={"useless": useless}, optimiser_seconds=0.0)
    found = lesson("toy-1", history.events, "few", 0.12)
    assert found["useless"] == useless["few"]
    assert (
        found["sentence"]
        == "few was found useless after 20 s of the budget, with a correlation of 0.11 with full: it is no longer paid for."
    )


def test_what_was_given_counts_as_known_and_repeats_are_no_decisions(new_history):
    history = new_history()
    assert lesson("toy-1", history.events, "few")["sentence"] == "few taught nothing: none of its runs has ended well yet."
    row = {"architecture": "w", "rung": "few", "value": 9.0, "values": {"val_accuracy": 9.0}}
    history.add(EventKind.GIVEN, origin="old.csv", observations=[row])
    history.ask(1, "w", "full")
    item = {"id": 2, "architecture": "w", "rung": "full", "seed": 1, "reserved": 1.0, "limit": 1.0, "expected": 1.0, "why": {}}
    history.add(EventKind.ASKED, queries=[item], memory={}, optimiser_seconds=0.0, repeat=True)
    found = lesson("toy-1", history.events, "few")
    assert (found["decisions"], found["seen_before"], found["last"]) == (1, 1, None)


def test_a_rung_that_is_not_there(history):
    with pytest.raises(StudyError, match="it has proxies, few, full; got 'ful'. Take one of these"):
        lesson("toy-1", history.events, "ful")
