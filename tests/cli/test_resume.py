from __future__ import annotations

import json


def test_more_budget_goes_further(call, finished: str):
    before = json.loads(call("status", finished, "--json").stdout)
    done = call("resume", finished, "--budget", "+30s", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["budget_seconds"] == 70.0
    assert found["observations"] > before["observations"]


def test_a_finished_study_answers_again(call, finished: str):
    done = call("resume", finished)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Recommended architecture\n")
