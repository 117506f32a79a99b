from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from browser import browser
from PIL import Image

from mfsearch.errors import ConfigError, MissingExtraError
from mfsearch.report.html.images import WIDTH, printable, write_images
from mfsearch.report.html.parts import Chart
from mfsearch.report.html.style import axis, figure, looks, points


@pytest.fixture
def chart() -> Chart:
    drawn = figure(axis("x"), axis("y"), 300).add_trace(points([1.0], [2.0], "a", looks(["a"])["a"], ["a"]))
    return Chart("one", "One", drawn)


@pytest.mark.skipif(browser() is None, reason="needs Chromium: apt-get install chromium")
def test_images_are_drawn_sharp_and_on_white(tmp_path: Path, chart: Chart, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BROWSER_PATH", str(browser()))
    (path,) = write_images([chart], tmp_path)
    assert path == tmp_path / "one.png"
    with Image.open(path) as image:
        assert image.size == (2 * WIDTH, 2 * 310)
        assert image.convert("RGB").getpixel((3, 3)) == (255, 255, 255)
        assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 20


def test_no_charts_need_no_browser(tmp_path: Path):
    assert write_images([], tmp_path) == []


def test_a_missing_extra_is_named(tmp_path: Path, chart: Chart, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(MissingExtraError, match=r"--png needs kaleido.* pip install 'mfsearch\[png\]'"):
        write_images([chart], tmp_path)


def test_a_missing_browser_is_named(tmp_path: Path, chart: Chart, monkeypatch: pytest.MonkeyPatch):
    class ChromeNotFoundError(Exception):
        pass

    class Kaleido:
        @staticmethod
        def write_fig_from_object_sync(*_: Any, **__: Any) -> None:
            raise ChromeNotFoundError("no\nchrome")

    monkeypatch.setitem(sys.modules, "kaleido", Kaleido)
    with pytest.raises(ConfigError, match=r"must find a Chrome or Chromium .*; got ChromeNotFoundError: no chrome\. Install one"):
        write_images([chart], tmp_path)


def test_what_is_printed_leaves_the_page_as_it_was(chart: Chart):
    assert printable(chart).layout.paper_bgcolor == "#ffffff"
    assert chart.figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
