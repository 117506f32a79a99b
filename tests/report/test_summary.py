from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from mfsearch.report.summary import summarise


def test_the_answer_holds_what_was_measured_expected_and_judged(history, recommendation):
    answer = summarise("toy-1", history.state, recommendation)["answer"]
    assert (answer["value"], answer["expected"], answer["interval"], answer["rung"]) == (78.5, 78.1, [77.0, 79.2], "full")
    assert (answer["test_accuracy"], answer["judged"]["regret"]) == (77.77, 0.5)


def test_without_an_evaluation_at_the_target_the_value_is_expected(history, recommendation):
    other = replace(recommendation, evaluated_at_target=False, observation=history.state.observations[0])
    answer = summarise("toy-1", history.state, other)["answer"]
    assert (answer["value"], answer["rung"], answer["measured"]) == (78.1, "few", {"train_loss": 0.9})
    assert summarise("toy-1", history.state, None)["answer"] is None


def test_the_books_add_up(history, recommendation):
    summary = summarise("toy-1", history.state, recommendation)
    assert sum(line["seconds"] for line in summary["spent"]) == pytest.approx(summary["budget"]["spent_seconds"])
    lines = {(line["line"], line["rung"]): line for line in summary["spent"]}
    assert lines["teacher", "teacher"]["note"] == "cached, originally 12.5 s; 79.8% validation accuracy"
    assert (lines["evaluation", "full"]["count"], lines["evaluation", "full"]["seconds"]) == (4, 24.0)
    assert (lines["score", "proxies"]["count"], lines["optimiser", ""]["seconds"]) == (3, 3.75)


def test_time_to_decide_is_reported_where_it_is_not_charged(new_history):
    simulated = new_history(charge_optimiser=False, virtual=True)
    simulated.ask(0, "a", "few")
    summary = summarise("toy-1", simulated.state, None)
    assert summary["spent"] == [
        {"line": "optimiser", "rung": "", "count": 1, "seconds": 0.0, "note": "took 0.5 s, not charged: costs are simulated"}
    ]
    assert summary["budget"]["simulated"]


def test_rungs_are_counted(history, recommendation):
    rungs = {row["rung"]: row for row in summarise("toy-1", history.state, recommendation)["rungs"]}
    assert rungs["proxies"]["ok"] == 3
    assert [rungs["few"][key] for key in ("ok", "failed", "cut", "lost", "running")] == [1, 1, 0, 0, 1]
    assert [rungs["full"][key] for key in ("ok", "failed", "cut", "lost", "running")] == [3, 0, 1, 0, 0]


def test_it_is_json_without_numbers_that_are_not_finite(history, recommendation):
    summary = summarise("toy-1", history.state, replace(recommendation, mean=math.nan), {"python": "3"})
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["answer"]["expected"] is None
    assert summary["environment"] == {"mfsearch": "0.0.1", "python": "3"}
