from __future__ import annotations

import random
import time
from dataclasses import replace

from pages import Page

from mfsearch.records import Diagnosis
from mfsearch.report.html.study import sections_of, study_page

ORDER = ["answer", "progress", "allocation", "worth", "calibration", "size", "cost", "curves", "failures", "configuration"]


def test_the_sections_stand_in_the_order_of_a_readers_questions(material):
    page = Page(study_page(material))
    assert [a["id"] for tag, a in page.tags if tag == "section"] == ORDER
    assert set(page.charts) == {chart.name for section in sections_of(material) for chart in section.charts}
    assert "A toy" in page.text[""] and "toy-1" in page.text[""]


def test_an_empty_study_has_a_sentence_in_every_section_and_no_chart(empty):
    page = Page(study_page(empty))
    assert page.charts == {}
    assert [a["id"] for tag, a in page.tags if tag == "section"] == ORDER
    assert all(len(page.text[name].split()) > 5 for name in ORDER)


def test_a_name_with_html_is_shown(material):
    name = "<img src=x onerror=alert(1)>"
    page = Page(study_page(replace(material, summary={**material.summary, "study": name})))
    assert page.text[""].count(name) == 2  # title and heading
    assert "img" not in {tag for tag, _ in page.tags}


def test_a_large_study_stays_small_and_quick(make):
    draw = random.Random(0)
    why = {
        "reason": "most information about the optimum per second",
        "gain": 0.1,
        "gain_per_second_by_rung": {"few": 0.1, "full": 0.01},
    }
    rows = [
        (
            f"|nor_conv_3x3~0|+|none~0|skip_connect~1|{i}" * 2,
            "few" if i % 3 else "full",
            draw.uniform(1, 9),
            draw.uniform(50, 90),
            why,
        )
        for i in range(3000)
    ]
    scores = {row[0]: (float(i + 1), float(i + 2)) for i, row in enumerate(rows)}
    material = make(rows, scores, diagnosis=Diagnosis({"few": 0.5}, ()), budget_seconds=1e6)
    began = time.process_time()
    html = study_page(replace(material))
    assert len(html) < 9_000_000
    assert time.process_time() - began < 10
    assert all(len(t["x"]) <= 1000 for figure in Page(html).charts.values() for t in figure["data"])
