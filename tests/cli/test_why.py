from __future__ import annotations

import json

import pytest

from mfsearch.store.sql import EventStore


def test_an_evaluation(call, finished: str):
    done = call("why", finished, "#1")
    assert done.exit_code == 0, done.output
    sentence = done.stdout.splitlines()[0].strip()
    found = json.loads(call("why", finished, "1", "--json").stdout)
    assert sentence == found["sentence"] == f"#1 at {found['rung']}: {found['why']['reason']}."
    assert found["architecture"] in done.stdout
    assert "\x1b" not in done.stdout


def test_a_rung(call, finished: str):
    done = call("why", finished, "--rung", "low")
    assert done.exit_code == 0, done.output
    found = json.loads(call("why", finished, "--rung", "low", "--json").stdout)
    assert done.stdout.splitlines()[0].strip() == found["sentence"]
    assert found["runs"] == 0 and -1 <= found["correlation"] <= 1
    assert json.loads(call("why", finished, "--rung", "high", "--json").stdout)["runs"] == 4


def test_a_study_of_a_program_tells_no_correlation(call, finished: str, tmp_path):
    store = EventStore(f"sqlite:///{tmp_path / 'studies.db'}")
    events = store.events(finished)
    store.create("programmed", {**events[0].payload, "config": {}})
    store.extend("programmed", events[1:])
    found = json.loads(call("why", "programmed", "--rung", "low", "--json").stdout)
    assert found["correlation"] is None
    assert "a program made the study" in found["correlation_unknown"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody", "1"], "no study is called 'nobody'"),
        (["mine", "99"], "it has evaluations 0 to 3; got 99. Take one of these."),
        (["mine", "first"], "an evaluation must be named by its number, as status and report show it; got 'first'."),
        (["mine", "--rung", "hihg"], "it has low, high; got 'hihg'. Take one of these."),
        (["mine"], "got neither. Study 'mine' has evaluations 0 to 3, and the rungs low, high."),
        (["mine", "1", "--rung", "high"], "why must be asked about an evaluation or a rung; got both."),
    ],
)
def test_what_is_not_there(call, finished: str, arguments: list[str], message: str):
    done = call("why", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and done.stdout == ""
