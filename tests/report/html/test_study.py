from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pages import Page

from mfsearch.records import Check, Diagnosis
from mfsearch.report.html.material import Curve
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


def strings(value: Any) -> Iterator[str]:
    """Every text in a figure."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def test_whatever_comes_from_outside_is_text_in_every_chart(make):
    """Charts read tags of their own (links among them): none may come from a name, a key, a reason or a figure's name."""
    nasty = "<a href='javascript:alert(1)'>x</a>"
    low, high = f"low {nasty}", f"high {nasty}"
    ladder = [
        {"name": nasty, "kind": "score", "role": "input", "signal": "params"},
        {"name": low, "kind": "evaluation", "role": "level", "signal": f"-{nasty}"},
        {"name": high, "kind": "evaluation", "role": "level", "signal": "-train_loss"},
    ]
    why = {"reason": nasty, nasty: nasty, "gain_per_second_by_rung": {low: 0.1, high: 0.2}}
    rows = [(f"{nasty}{i}", high if i % 2 else low, 2.0, 1.0 + i, why) for i in range(20)]
    rows += [(row[0], high, 2.0, 3.0, why) for row in rows[::2]]
    checks = tuple(Check(i, row[1], 1.0 + i, 2.0 + i, (i, 3.0 + i), 0.1) for i, row in enumerate(rows))
    objective = {"signal": "train_loss", "direction": "minimise", "unit": "none"}
    scores = {row[0]: (1.0 + i, 2.0) for i, row in enumerate(rows)}
    material = make(
        rows, scores, diagnosis=Diagnosis({low: 0.5}, checks), recommended=1, name=nasty, ladder=ladder, objective=objective,
        score_rung=nasty, policy=nasty, budget_seconds=1000.0,
    )  # fmt: skip
    page = Page(study_page(replace(material, curves=[Curve(nasty, i, (1.0, 2.0)) for i in range(6)])))
    assert set(page.charts) >= {
        "best-so-far",
        "spent",
        "allocation",
        "correlation",
        "worth",
        "predicted-1",
        "size-params",
        "cost",
        "curve-0",
    }
    found = {text for figure in page.charts.values() for text in strings(figure)}
    assert [text for text in found if set(text.replace("<br>", "")) & set("<>")] == []
    assert {attributes["href"] for tag, attributes in page.tags if tag == "a"} == {f"#{name}" for name in ORDER}


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
