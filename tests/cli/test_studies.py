from __future__ import annotations

import json
from pathlib import Path

import pandas  # type: ignore[import-untyped]
import pytest


def test_status(call, finished: str):
    done = call("status", finished)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("mine: ended because ")
    assert "of 40 s" in done.stdout
    found = json.loads(call("status", finished, "--json").stdout)
    assert (found["state"], found["budget_seconds"], found["running"]) == ("ended", 40.0, [])


def test_list(call, finished: str):
    assert call("run", "branin", "--budget", "20s", "--policy", "random", "--study", "second").exit_code == 0
    lines = call("list").stdout.splitlines()
    assert lines[0].split() == ["study", "state", "spent", "evaluations", "best"]
    assert [line.split()[0] for line in lines[1:]] == ["mine", "second"]
    assert [study["study"] for study in json.loads(call("list", "--json").stdout)] == ["mine", "second"]


def test_an_empty_list_says_how_to_begin(call):
    done = call("list")
    assert done.exit_code == 0, done.output
    assert "Start one with: mfsearch run" in done.stdout


def test_best_is_what_the_run_said(call, finished: str):
    said = call("resume", finished, "--json").stdout.splitlines()
    found = json.loads(call("best", finished, "--json").stdout)
    for key in ("architecture", "value", "expected", "interval"):
        assert found[key] == json.loads(said[-1])[key]
    assert call("best", finished).stdout.splitlines()[:2] == said[:2]


def test_export_as_json(call, finished: str, tmp_path: Path):
    done = call("export", finished, "--out", "there", "--format", "json")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(tmp_path / "there" / "architecture.json")
    found = json.loads((tmp_path / "there" / "architecture.json").read_text())
    assert found["architecture"] == json.loads(call("best", finished, "--json").stdout)["architecture"]
    assert found["network"] is None
    assert json.loads(call("export", finished, "--out", "there", "--format", "json", "--json").stdout)["study"] == "mine"


def test_report(call, finished: str, tmp_path: Path):
    written = (tmp_path / "mfsearch-out" / finished / "report.md").read_text()
    assert call("report", finished).stdout == written
    shown = json.loads(call("report", finished, "--format", "json").stdout)
    assert shown == json.loads(call("report", finished, "--json").stdout)
    assert call("report", finished, "--out", "there").stdout.strip() == str(tmp_path / "there" / "report.md")
    assert (tmp_path / "there" / "report.md").read_text() == written
    assert json.loads((tmp_path / "there" / "report.json").read_text()) == shown


@pytest.mark.parametrize("command", ["status", "best", "report"])
def test_none_of_them_changes_a_study(call, finished: str, command: str, tmp_path: Path):
    before = json.loads(call("report", finished, "--json").stdout)
    call(command, finished)
    assert json.loads(call("report", finished, "--json").stdout) == before


def test_export_as_tables(call, finished: str, tmp_path: Path):
    done = call("export", finished, "--observations", "o.parquet", "--scores", "s.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [str(tmp_path / "o.parquet"), str(tmp_path / "s.csv")]
    frame = pandas.read_parquet(tmp_path / "o.parquet")
    evaluations = json.loads(call("report", finished, "--json").stdout)["evaluations"]
    assert frame["architecture"].tolist() == [e["architecture"] for e in evaluations]
    assert (tmp_path / "s.csv").read_text().splitlines() == ['"architecture"']  # Branin has no scores
    found = json.loads(call("export", finished, "--observations", "o.csv", "--out", "there", "--format", "json", "--json").stdout)
    assert set(found) == {"study", "observations", "architecture"}
