from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas  # type: ignore[import-untyped]
import pytest
from pages import Page


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
    folder = tmp_path / "mfsearch-out" / finished
    done = call("report", finished)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(folder / "report.html")
    assert "<!doctype html>" in (folder / "report.html").read_text()


def test_report_shows_markdown_and_json(call, finished: str, tmp_path: Path):
    written = (tmp_path / "mfsearch-out" / finished / "report.md").read_text()
    assert call("report", finished, "--markdown").stdout == call("report", finished, "--format", "markdown").stdout == written
    shown = json.loads(call("report", finished, "--format", "json").stdout)
    assert shown == json.loads(call("report", finished, "--json").stdout)
    assert not (tmp_path / "mfsearch-out" / finished / "report.html").exists()
    assert call("report", finished, "--out", "there").stdout.strip() == str(tmp_path / "there" / "report.html")
    assert (tmp_path / "there" / "report.md").read_text() == written
    assert json.loads((tmp_path / "there" / "report.json").read_text()) == shown
    told = json.loads(call("report", finished, "--out", "there", "--json").stdout)
    assert (told["study"], told["report"]) == ("mine", str(tmp_path / "there" / "report.html"))


def test_report_of_several(call, finished: str, tmp_path: Path):
    assert call("run", "branin", "--budget", "20s", "--policy", "random", "--study", "second").exit_code == 0
    assert call("report", finished, "second").stdout.strip() == str(tmp_path / "mfsearch-out" / "mine-vs-second" / "report.html")
    found = json.loads(call("report", finished, "second", "--json").stdout)
    assert [study["study"] for study in found["studies"]] == ["mine", "second"]
    text = call("report", finished, "second", "--markdown").stdout
    assert "# mine\n" in text and "\n# second\n" in text


def test_a_report_of_a_study_whose_name_is_html(call, tmp_path: Path):
    name = "<img src=x onerror=alert(1)>"
    assert call("run", "branin", "--budget", "20s", "--policy", "random", "--study", name).exit_code == 0
    done = call("report", name)
    assert done.exit_code == 0, done.output
    page = Page(Path(done.stdout.strip()).read_text())
    assert name in page.text[""] and "img" not in {tag for tag, _ in page.tags}
    assert Path(call("report", name, "--out", "there").stdout.strip()).parent == tmp_path / "there"


def test_a_missing_library_for_images_is_named(call, finished: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "kaleido", None)
    done = call("report", finished, "--png", "png")
    assert done.exit_code == 2
    assert "pip install 'mfsearch[png]'" in done.stderr


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
