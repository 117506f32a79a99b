from __future__ import annotations

import random
from typing import Any

import pytest
from pages import trace

from mfsearch.report.html.material import Material, gather
from mfsearch.report.html.progress import progress, progress_chart, steps
from mfsearch.report.summary import summarise
from mfsearch.store.events import EventKind


def by_hand(rows: list[tuple[float, str, float]], sign: float) -> list[tuple[float, float]]:
    """(seconds, best) whenever the best changed, by the definition."""
    spent, found = 0.0, list[tuple[float, float]]()
    for seconds, rung, figure in rows:
        spent += seconds
        if rung == "full" and (not found or sign * figure > sign * found[-1][1]):
            found.append((spent, figure))
    return found


@pytest.mark.parametrize(("direction", "sign"), [("maximise", 1.0), ("minimise", -1.0)])
def test_the_line_is_the_best_of_everything_before(make, figure_of, direction: str, sign: float):
    draw = random.Random(0)
    rows = [(draw.uniform(1, 5), draw.choice(["few", "full"]), draw.uniform(50, 90)) for _ in range(80)]
    objective = {"signal": "val_accuracy", "direction": direction, "unit": "percent"}
    told: list[Any] = [(str(i), rung, seconds, figure, {}) for i, (seconds, rung, figure) in enumerate(rows)]
    material: Material = make(told, charge_optimiser=False, budget_seconds=500.0, objective=objective)
    if sign < 0:  # the history of the fixture knows values that are maximised: turn them as the study would
        material = turned(material, by_hand(rows, sign))
    best = trace(figure_of(progress_chart(material)), "best so far")
    wanted = by_hand(rows, sign)
    assert best["x"][:-1] == pytest.approx([x for x, _ in wanted])
    assert best["y"][:-1] == [y for _, y in wanted]
    assert (best["x"][-1], best["y"][-1]) == (pytest.approx(sum(row[0] for row in rows)), wanted[-1][1])
    assert best["line"]["shape"] == "hv"


def turned(material: Material, best: list[tuple[float, float]]) -> Material:
    rows = [{"spent_seconds": x, "figure": y, "evaluation": 0, "architecture": ""} for x, y in best]
    return Material({**material.summary, "best_so_far": rows}, material.known_at, {}, {}, [])


def test_a_figure_that_another_rung_measures_has_a_row_of_its_own(make, figure_of):
    figure = figure_of(progress_chart(make([("a", "few", 1.0, 2.5, {}), ("a", "full", 5.0, 71.0, {})], recommended=1)))
    assert trace(figure, "few (1)")["yaxis"] == "y2" and trace(figure, "few (1)")["y"] == [2.5]
    assert trace(figure, "full (1)")["yaxis"] == "y" and trace(figure, "full (1)")["y"] == [71.0]
    assert figure["layout"]["yaxis"]["title"]["text"] == "validation accuracy (%)"
    assert figure["layout"]["yaxis2"]["title"]["text"] == "train loss"
    assert figure["layout"]["xaxis2"]["title"]["text"] == "device time spent (seconds)"
    assert trace(figure, "recommended")["y"] == [71.0]


def test_failures_are_no_points(material, figure_of):
    figure = figure_of(progress_chart(material))
    assert len(trace(figure, "full (3)")["x"]) == 3 and len(trace(figure, "few (1)")["x"]) == 1


def test_long_studies_use_larger_units(make, figure_of):
    figure = figure_of(progress_chart(make([("a", "full", 7200.0, 71.0, {})], budget_seconds=1e5, charge_optimiser=False)))
    assert figure["layout"]["xaxis"]["title"]["text"] == "device time spent (hours)"
    assert trace(figure, "full")["x"] == [2.0]


def test_nothing_measured_is_said(empty):
    section = progress(empty)
    assert section.charts == []
    assert "No evaluation has brought a figure yet" in str(section.parts[0])
    assert steps(empty) == ([], [])


def test_many_points_are_thinned_and_the_best_stay(make, figure_of):
    draw = random.Random(1)
    figures = [draw.uniform(50, 90) for _ in range(1500)]
    material = make([(str(i), "full", 1.0, f, {}) for i, f in enumerate(figures)], budget_seconds=1e4)
    chart = progress_chart(material)
    points = trace(figure_of(chart), "full (1,500)")
    assert len(points["x"]) == len(points["text"]) == 1000
    assert {step["figure"] for step in material.summary["best_so_far"]} <= set(points["y"])
    assert "1,000 of 1,500 evaluations at full drawn" in chart.note


def test_what_was_given_without_its_figure_is_no_step(new_history):
    h = new_history()
    h.add(EventKind.GIVEN, origin="x", observations=[{"architecture": "a", "rung": "full", "value": 60.0, "values": {}}])
    assert progress(gather(summarise("toy-1", h.state, None), h.state)).charts == []
    h.tell(h.ask(1, "b", "full"), 5.0, val_accuracy=70.0)
    assert steps(gather(summarise("toy-1", h.state, None), h.state))[1] == [70.0, 70.0]
