from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from browser import browser
from pages import Page

from mfsearch.config import StudyConfig
from mfsearch.errors import StudyError
from mfsearch.report.markdown import to_markdown
from mfsearch.session.reporting import material_of, write_reports
from mfsearch.session.run import start
from mfsearch.session.stored import look


@pytest.fixture
def ran(branin: StudyConfig, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    start(branin, name="mine", storage=storage)
    return "mine"


def test_one_study_has_three_files_beside_what_its_run_left(ran: str, storage: str, tmp_path: Path):
    written = write_reports([ran, ran], storage=storage)
    folder = tmp_path / "mfsearch-out" / "mine"
    assert (written.page, written.markdown, written.data) == (
        folder / "report.html",
        folder / "report.md",
        folder / "report.json",
    )
    material = material_of(look(ran, storage))
    assert Page(written.page.read_text(encoding="utf-8")).charts["best-so-far"]["data"]
    assert written.markdown is not None and written.markdown.read_text(encoding="utf-8") == to_markdown(material.summary)
    assert written.to_json() == {
        "study": "mine",
        "report": str(folder / "report.html"),
        "studies": ["mine"],
        "page": str(folder / "report.html"),
        "markdown": str(folder / "report.md"),
        "data": str(folder / "report.json"),
        "images": [],
    }


def test_the_page_shows_the_stored_history(ran: str, storage: str):
    snapshot = look(ran, storage)
    assert snapshot.diagnosis is not None
    assert {check.evaluation for check in snapshot.diagnosis.checks} == {o.query.id for o in snapshot.state.observations}
    page = Page(write_reports([ran], storage=storage).page.read_text(encoding="utf-8"))
    best = next(t for t in page.charts["best-so-far"]["data"] if t["name"] == "best so far")
    assert min(best["y"]) == material_of(snapshot).summary["best_so_far"][-1]["figure"]


def test_where_the_runs_folder_is_gone_it_goes_to_the_current_one(ran: str, storage: str, tmp_path: Path):
    (tmp_path / "mfsearch-out" / "mine").rename(tmp_path / "moved")
    assert write_reports([ran], storage=storage).page == tmp_path / "mfsearch-out" / "mine" / "report.html"


def test_several_studies_are_compared_in_a_folder_of_their_own(branin: StudyConfig, ran: str, storage: str, tmp_path: Path):
    start(branin, name="other", storage=storage)
    written = write_reports([ran, "other"], storage=storage)
    assert (written.page, written.markdown) == (tmp_path / "mfsearch-out" / "mine-vs-other" / "report.html", None)
    assert written.to_json()["study"] is None
    assert len(Page(written.page.read_text(encoding="utf-8")).cells["answer"]) == 3
    elsewhere = write_reports([ran, "other"], storage=storage, out=tmp_path / "there")
    assert [path.name for path in (tmp_path / "there").iterdir()] == [elsewhere.page.name]


@pytest.mark.skipif(browser() is None, reason="needs a browser: apt-get install chromium")
def test_images_are_named_after_the_charts(ran: str, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BROWSER_PATH", str(browser()))
    written = write_reports([ran], storage=storage, images=tmp_path / "png")
    charts = Page(written.page.read_text(encoding="utf-8")).charts
    assert [path.stem for path in written.images] == list(charts)
    assert all(path.stat().st_size > 1000 for path in written.images)


def test_a_study_that_does_not_exist_is_refused_before_anything_is_written(ran: str, storage: str, tmp_path: Path):
    with pytest.raises(StudyError, match="nobody"):
        write_reports([ran, "nobody"], storage=storage, out=tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_paths_in_json_are_text(ran: str, storage: str):
    written = replace(write_reports([ran], storage=storage), images=(Path("a.png"),))
    assert json.loads(json.dumps(written.to_json()))["images"] == ["a.png"]
