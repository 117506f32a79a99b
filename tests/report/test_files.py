from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfsearch.errors import ConfigError
from mfsearch.report.files import folder_of, make_folder, write_page, write_report
from mfsearch.report.summary import summarise


def test_both_forms_are_written(tmp_path, history, recommendation):
    summary = summarise("toy-1", history.state, recommendation)
    path = write_report(tmp_path, summary)
    assert path == tmp_path / "report.md"
    assert path.read_text(encoding="utf-8").startswith("# toy-1\n")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == summary


def test_a_folder_is_made_and_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert make_folder(tmp_path.joinpath("a", "b").relative_to(tmp_path)) == tmp_path / "a" / "b"
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        ConfigError, match=r"the folder for results must be writable; got .*file.*: .*\. Name another with --out\."
    ):
        make_folder(tmp_path / "file" / "b")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(ConfigError, match=r"must be writable; got .*: Permission denied\. Name another with --out\."):
        make_folder(tmp_path)


def test_a_page_is_written_whole_and_may_be_read_by_others(tmp_path):
    path = write_page(tmp_path, "<p>ü\udcff</p>")
    assert path == tmp_path / "report.html"
    assert path.read_text(encoding="utf-8") == "<p>ü?</p>"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    (tmp_path / "as-others").touch()
    assert path.stat().st_mode == (tmp_path / "as-others").stat().st_mode


def test_a_page_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(
        ConfigError, match=r"the report must be writable; got .*report.html: .*\. Name another folder with --out\."
    ):
        write_page(tmp_path, "")


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        (["digits-1"], "digits-1"),
        (["a", "b"], "a-vs-b"),
        (["<b>x</b>/../y"], "b-x-b-..-y"),
        (["..", "/"], "study-vs-study"),
        (["x" * 300], "x" * 120),
    ],
)
def test_a_folder_is_named_after_its_studies(names: list[str], folder: str):
    assert folder_of(names) == Path("mfsearch-out", folder)
