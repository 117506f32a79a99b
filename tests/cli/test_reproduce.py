from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _home(mfkd_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSEARCH_HOME", str(mfkd_home))


def test_correlation_prints_tables_and_leaves_files(call):
    done = call("reproduce", "mfkd", "correlation", "--out", "here", "--json")
    assert done.exit_code == 0, done.output
    lines = json.loads(done.stdout.splitlines()[-1])
    assert set(lines) == {"nst240", "mobilenetv2"} and lines["nst240"][0]["found"]["spearman"][0] > 0
    assert "| nst | 3 epochs | test | best 30% | 9 |" in done.stdout
    assert sorted(path.name for path in Path("here").iterdir()) == [
        "correlation.json",
        "correlation.md",
        "mobilenetv2.svg",
        "nst240.svg",
    ]
    assert json.loads(Path("here/correlation.json").read_text()) == lines
    assert call("reproduce", "mfkd", "correlation", "--json").stdout.splitlines()[-1] == done.stdout.splitlines()[-1]


def test_what_is_missing_is_said(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFSEARCH_HOME", str(tmp_path))
    done = call("reproduce", "mfkd", "correlation")
    assert (
        done.exit_code == 2 and "must be imported first; neither is. Run: mfsearch data import mfkd-nst240 SOURCE" in done.stderr
    )


def test_the_problems_can_be_searched(call):
    Path("nst.yaml").write_text("problem: {use: mfkd-nst240, rungs: [nst1, nst3, e200]}\n")
    Path("networks.yaml").write_text("problem: {use: mfkd-mobilenetv2, rungs: [flops, nst27, nst3, full]}\n")
    for name, budget in (("nst.yaml", 20000), ("networks.yaml", 8000)):
        done = call("run", name, "--budget", f"{budget}s", "--seed", "1", "--json")
        assert done.exit_code == 0, done.output
        assert 0 < json.loads(done.stdout.splitlines()[-1])["spent_seconds"] <= budget


def test_search_leaves_lines_and_tables_and_goes_on(call):
    done = call("reproduce", "mfkd", "search", "--trials", "1", "--first-seed", "2", "--jobs", "2", "--out", "here", "--json")
    assert done.exit_code == 0, done.output
    answers = json.loads(done.stdout.splitlines()[-1])
    assert set(answers) == {"networks", "cells"}
    assert answers["cells"] == json.loads(Path("here/cells.json").read_text())
    assert Path("here/networks.md").read_text() in done.stdout
    again = call("reproduce", "mfkd", "search", "networks", "--trials", "1", "--first-seed", "2", "--out", "here", "--json")
    assert json.loads(again.stdout.splitlines()[-1]) == {"networks": answers["networks"]}
    assert "26 of 26 trials are finished already" in again.stderr


def test_live_needs_pictures_and_a_device_that_is_there(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MFSEARCH_DATA", raising=False)
    done = call("reproduce", "mfkd", "live")
    assert done.exit_code == 2 and "Missing option '--data'" in done.stderr and "MFSEARCH_DATA" in done.stderr
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    done = call("reproduce", "mfkd", "live", "--device", "cuda", "--data", str(tmp_path))
    assert done.exit_code == 2 and "--device must be there; got cuda, and torch finds none. Take cpu." in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("MFSEARCH_DATA"), reason="needs the pictures (MFSEARCH_DATA)")
def test_live_on_a_processor(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFSEARCH_HOME", str(tmp_path))
    done = call("reproduce", "mfkd", "live", "--cells", "10", "--out", "here", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer == json.loads(Path("here/live.json").read_text()) and len(answer["cells"]) == 10
    assert Path("here/live.md").read_text() in done.stdout
