from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from mfsearch.errors import StudyError
from mfsearch.records import Status
from mfsearch.report.why import evaluations_of, explain, render
from mfsearch.store.events import EventKind

INFORMATION: dict[str, Any] = {
    "reason": "most information",
    "gain": 0.25,
    "cost": 2.0,
    "gain_per_second": 0.125,
    "gain_per_second_by_rung": {"few": 0.125, "full": 0.03},
    "decision": {
        "rule": "information",
        "slack_seconds": 4.0,
        "pool": 300,
        "rungs": {
            "few": {"considered": 200, "architecture": "[b]x[/b]", "gain": 0.25, "cost": 2.0, "score": 0.0416},
            "full": {
                "considered": 60,
                "architecture": "b",
                "gain": 0.1,
                "cost": 5.0,
                "score": 0.1,
                "pair": {"gain": 0.3, "cost": 10.0},
            },
            "middle": {"left_out": "it was found useless"},
        },
        "alternatives": [{"rung": "few", "architecture": "c", "gain": 0.24, "cost": 2.5, "score": 0.0369}],
        "posterior": {"mean": 77.5, "sd": 2.25, "interval": [73.0, 82.0]},
        "incumbent": {"evaluation": 4, "figure": 78.5},
        "pending": [6],
        "last_runs": {"affordable": 3, "over_seconds": 12.0, "made": 2},
        "unpriced": ["full"],
        "beside": 0,
    },
}


def shown(found: dict[str, Any], width: int = 120) -> str:
    page = Console(file=io.StringIO(), width=width)
    page.print(render(found))
    return page.file.getvalue()  # type: ignore[attr-defined]


def explained(history, id: int) -> dict[str, Any]:
    return explain("toy-1", history.events, id)


def decision(**changes: Any) -> dict[str, Any]:
    return {**INFORMATION["decision"], **changes}


def test_a_choice_by_information(history):
    history.tell(history.ask(7, "[b]x[/b]", "few", **INFORMATION), 2.5, train_loss=0.2)
    found = explained(history, 7)
    assert found["sentence"] == ("#7 at few: most information: a gain of 0.25 for 2.0 s, 0.125 a second, against 0.03 at full.")
    assert found["why"] == INFORMATION
    page = shown(found)
    for words in (
        "[b]x[/b]",
        "train_loss 0.2 in 2.5 s (4.0 s expected)",
        "77.50% at full, standard deviation 2.25, 95% interval 73.00% to 82.00%",
        "78.50%, #4",
        "#6",
        "middle: it was found useless",
        "room for 3 more at full, which leave over 12 s",
        "two runs together",
        "out of a pool of 300",
        "gain / (cost + 4.0 s)",
    ):
        assert words in page
    assert "score at full: the gain, since prices do not count among its last runs" in " ".join(page.split())
    figures = [line.split()[:6] for line in page.splitlines() if line.startswith(("few", "full"))]
    assert figures[0] == ["few", "0.25", "2.0", "s", "0.125", "0.0416"]
    assert figures[1] == ["few", "0.24", "2.5", "s", "0.0369", "c"]
    assert figures[2][:5] == ["full", "0.3", "10", "s", "0.03"]
    assert figures[3] == ["full", "0.1", "5.0", "s", "0.1", "60"]
    assert max(len(line) for line in shown(found, 60).splitlines()) <= 60


def test_two_runs_together(history):
    why = {**INFORMATION, "decision": decision(second="c"), "gain": 0.3, "cost": 10.0, "gain_per_second": 0.03}
    history.ask(7, "b", "full", **why)
    found = explained(history, 7)
    assert "a gain of 0.3 for 10 s both together, 0.03 a second, against 0.125 at few" in found["sentence"]
    assert "second run" in shown(found)


def test_the_end_and_the_early_look(history):
    last = {"reason": "the last part", "gain": 0.5, "cost": 5.0, "gain_per_second": 0.1}
    rung = {"considered": 30, "architecture": "e", "gain": 0.5, "cost": 5.0, "score": 0.06}
    history.ask(
        7, "e", "full", **last, decision=decision(rule="improvement", rungs={"full": rung}, alternatives=[], incumbent=None)
    )
    found = explained(history, 7)
    assert found["sentence"] == "#7 at full: the last part: a gain of 0.5 for 5.0 s, the best score of 30 candidates."
    assert "none yet" in shown(found) and "it runs (4.0 s expected)" in shown(found)
    rung = {**rung, "gain": None, "score": 1.5}
    history.ask(8, "f", "full", **last, decision=decision(rule="mean", rungs={"full": rung}, alternatives=[], slack_seconds=0.0))
    found = explained(history, 8)
    assert found["sentence"] == "#8 at full: the last part: the best expectation of 30 candidates, 77.50%."
    assert "score: posterior mean at full" in shown(found) and "gain:" not in shown(found)


def test_other_policies_and_older_versions_have_a_sentence(history):
    assert explained(history, 0)["sentence"] == "#0 at few: at random."
    assert explained(history, 1)["sentence"] == "#1 at few: gain 0.1235, cost 1."
    assert explained(history, 3)["sentence"] == "#3 at full: no reason was stored."
    history.ask(7, "g", "full", reason="mine", decision="quick")
    assert explained(history, 7)["sentence"] == "#7 at full: mine." and "mine" in shown(explained(history, 7))
    assert explained(history, 5)["status"] == "cut"
    assert "cut in 9.0 s" in shown(explained(history, 5))


def test_what_was_given_was_not_decided(new_history):
    history = new_history()
    row = {"architecture": "w", "rung": "full", "value": 9.0, "values": {"val_accuracy": 9.0}}
    history.add(EventKind.GIVEN, origin="old.csv", observations=[row])
    found = explained(history, 0)
    assert found["sentence"] == "#0 at full: not decided by this study; it was given from old.csv."
    assert found["expected_seconds"] is None


def test_what_was_decided_just_before_is_named(new_history):
    history = new_history()
    one = {"architecture": "a", "rung": "few", "seed": 0, "reserved": 1.0, "limit": 1.0, "expected": 1.0, "why": {}}
    queries = [{**one, "id": 0}, {**one, "id": 1, "architecture": "b"}]
    queries.append({**one, "id": 2, "architecture": "c", "why": {**INFORMATION, "decision": decision(beside=2)}})
    history.add(EventKind.ASKED, queries=queries, memory={}, optimiser_seconds=0.0)
    assert explained(history, 2)["beside"] == [0, 1]
    assert "#0, #1" in shown(explained(history, 2))


def test_a_repeat_says_of_what(new_history):
    history = new_history()
    query = history.ask(0, "a", "few", reason="because")
    history.tell(query, 1.0, Status.FAILED, "no")
    again = {
        "id": 1,
        "architecture": "a",
        "rung": "few",
        "seed": 1,
        "reserved": 1.0,
        "limit": 1.0,
        "expected": 1.0,
        "why": dict(query.why),
    }
    history.add(EventKind.ASKED, queries=[again], memory={}, optimiser_seconds=0.0, repeat=True)
    found = explained(history, 1)
    assert (found["sentence"], found["repeats"]) == ("#1 at few, a repeat of #0: because.", 0)


def test_one_that_is_not_there_lists_what_is(history, new_history):
    with pytest.raises(StudyError, match="it has evaluations 0 to 6; got 9. Take one of these"):
        explained(history, 9)
    with pytest.raises(StudyError, match="it has no evaluations yet; got 0"):
        explain("toy-1", new_history().events, 0)
    single = new_history()
    single.ask(3, "a", "few")
    assert evaluations_of(single.state) == "evaluation 3"
    single.ask(5, "b", "few")
    assert evaluations_of(single.state) == "evaluations 3, 5"
