"""Pages in a real browser: on a phone and a desk, by day and by night."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from browser import browser, opened

from mfsearch.records import Check, Diagnosis
from mfsearch.report.html.comparison import comparison_page
from mfsearch.report.html.material import Curve, Material
from mfsearch.report.html.study import sections_of, study_page

pytestmark = pytest.mark.skipif(browser() is None, reason="needs a browser: apt-get install chromium")

NAME = "</script><script>document.title='x'</script><b>" + "long-name-" * 12
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|"


@pytest.fixture
def full(make) -> Material:
    """A study with something in every section, and names that try to break out."""
    draw = random.Random(0)
    why = {"reason": "<i>because</i>" * 30, "gain_per_second_by_rung": {"few": 0.1, "full": 0.01}}
    rows = [
        (CELL + f"<b>{i}" * (i > 0), "few" if i % 2 else "full", draw.uniform(1, 9), draw.uniform(50, 90), why) for i in range(40)
    ]
    rows += [(row[0], "full", 3.0, draw.uniform(50, 90), why) for row in rows[1:12:2]]
    checks = tuple(Check(i, row[1], row[3], row[3] + 1, (row[3] - 3, row[3] + 5), -0.5) for i, row in enumerate(rows))
    scores = {row[0]: (draw.uniform(1e4, 1e6), draw.uniform(1e6, 1e8)) for row in rows}
    found: Material = make(
        rows, scores, diagnosis=Diagnosis({"few": 0.6}, checks), recommended=0, name=NAME, budget_seconds=900.0
    )
    curves = [Curve("val_accuracy", i, tuple(90 * (1 - math.exp(-j / 5)) for j in range(20))) for i in range(0, 40, 4)]
    return replace(found, curves=curves)


@pytest.mark.parametrize("dark", [False, True], ids=["day", "night"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_chart_is_drawn_and_nothing_sticks_out(full, tmp_path: Path, width: int, dark: bool):
    page = tmp_path / "report.html"
    page.write_text(study_page(full), encoding="utf-8")
    found = opened(page, width, dark=dark)
    names = [f"chart-{chart.name}" for section in sections_of(full) for chart in section.charts]
    assert found["errors"] == []
    assert found["inner"] == width and found["scroll"] <= width
    assert [box["id"] for box in found["boxes"]] == names and len(names) >= 10
    for box in found["boxes"]:
        assert box["width"] > 250 and box["height"] > 100 and box["right"] <= width, box
        assert box["marks"] > 0, f"{box['id']} is empty"
        assert any(title.strip() for title in box["titles"]), f"{box['id']} has no axis title"
    assert {box["ink"] for box in found["boxes"]} == {"rgb(228, 233, 240)" if dark else "rgb(31, 41, 51)"}
    assert found["background"] == ("rgb(18, 22, 27)" if dark else "rgb(246, 247, 249)")


@pytest.mark.parametrize("width", [390, 1280])
def test_an_empty_study_is_a_page_too(empty, tmp_path: Path, width: int):
    page = tmp_path / "report.html"
    page.write_text(study_page(empty), encoding="utf-8")
    found = opened(page, width)
    assert (found["errors"], found["boxes"]) == ([], []) and found["scroll"] <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_a_comparison_is_drawn(full, make, tmp_path: Path, width: int):
    other = make([("a", "full", 100.0, 70.0, {})], recommended=0, name="other", budget_seconds=900.0)
    page = tmp_path / "report.html"
    page.write_text(comparison_page([full, other]), encoding="utf-8")
    found = opened(page, width)
    (box,) = found["boxes"]
    assert found["errors"] == [] and found["scroll"] <= width
    assert box["marks"] >= 2 and box["right"] <= width
