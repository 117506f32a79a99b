from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pages import Page, trace

from mfsearch.report.html.comparison import best_chart, comparison_page, comparison_sections
from mfsearch.report.html.material import Material

ROWS: list[Any] = [
    ("a", "few", 2.0, 1.0, {}),
    ("a", "full", 10.0, 70.0, {}),
    ("b", "full", 10.0, 65.0, {}),
    ("c", "full", 10.0, 80.0, {}),
]


@pytest.fixture
def pair(make) -> list[Material]:
    first = make(ROWS, recommended=3, name="<b>one</b>", charge_optimiser=False)
    return [first, make(ROWS[:2], recommended=1, name="two", charge_optimiser=False)]


def test_curves_lie_over_each_other(pair, figure_of):
    figure = figure_of(best_chart(pair))
    assert (trace(figure, "&lt;b&gt;one")["x"], trace(figure, "&lt;b&gt;one")["y"]) == ([12.0, 32.0, 32.0], [70.0, 80.0, 80.0])
    assert (trace(figure, "two")["x"], trace(figure, "two")["y"]) == ([12.0, 12.0], [70.0, 70.0])
    assert len({t["line"]["color"] for t in figure["data"]}) == 2
    assert figure["layout"]["xaxis"]["title"]["text"] == "device time spent (seconds)"


def test_answers_costs_and_rungs_are_tables(pair):
    page = Page(comparison_page(pair))
    assert page.cells["answer"][1:] == [
        ["<b>one</b>", "80.00% validation accuracy", "80.00% (79.00% to 81.00%)", "c"],
        ["two", "70.00% validation accuracy", "70.00% (69.00% to 71.00%)", "a"],
    ]
    assert page.cells["cost"][1] == ["<b>one</b>", "random", "7", "32 s of 1 min 40 s", "32 s", "-", "-", "-"]
    assert page.cells["rungs"][3] == ["<b>one</b>", "full (target)", "evaluation", "3", "0", "0", "0", "30.0"]
    assert "<b>one</b> and two compared" in page.text[""]
    assert "b" not in {tag for tag, _ in page.tags}


def test_studies_of_different_figures_have_a_chart_each(pair):
    other = replace(
        pair[1], summary={**pair[1].summary, "objective": {"signal": "loss", "direction": "minimise", "unit": "none"}}
    )
    charts = [chart for section in comparison_sections([pair[0], other]) for chart in section.charts]
    assert [chart.name for chart in charts] == ["best-so-far-0", "best-so-far-1"]


def test_studies_of_different_problems_have_a_chart_each(pair):
    other = replace(pair[1], summary={**pair[1].summary, "about": "Another toy"})
    charts = [chart for section in comparison_sections([pair[0], other]) for chart in section.charts]
    assert [chart.title for chart in charts] == ["Best so far: space toy", "Best so far: Another toy"]


def test_a_study_without_an_answer_is_named(pair, empty, figure_of):
    chart = best_chart([pair[0], empty])
    assert len(figure_of(chart)["data"]) == 1
    assert "Nothing was measured at the target of toy-1." in chart.note
    page = Page(comparison_page([pair[0], empty]))
    assert page.cells["answer"][2][:2] == ["toy-1", "nothing to recommend yet"]


def test_nothing_at_all_is_said(empty):
    page = Page(comparison_page([empty, empty]))
    assert page.charts == {} and "there is no curve to draw" in page.text["progress"]
