from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import trace

from mfsearch.report.html.tradeoff import front, size_chart, sizes_of, tradeoff

SMALL = st.integers(0, 6).map(float)


@given(st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=40))
def test_the_front_is_what_no_other_dominates(points: list[tuple[float, float]]):
    def dominated(x: float, y: float) -> bool:
        return any(a <= x and b >= y and (a < x or b > y) for a, b in points)

    found = front([x for x, _ in points], [y for _, y in points])
    assert found.tolist() == [not dominated(x, y) for x, y in points]


def rows() -> list[tuple[str, str, float, float, dict]]:
    return [
        ("a", "full", 1.0, 70.0, {}),
        ("b", "full", 1.0, 80.0, {}),
        ("b", "full", 1.0, 82.0, {}),
        ("c", "full", 1.0, 75.0, {}),
        ("d", "few", 1.0, 1.0, {}),
    ]


SCORES = {"a": (10.0, 1e6), "b": (20.0, 2e6), "c": (30.0, 1e6), "d": (5.0, None), "e": (0.0, 1e6)}


def test_accuracy_stands_against_size_with_the_front(make, figure_of):
    material = make(rows(), SCORES, recommended=1)
    parameters, flops = tradeoff(material).charts
    figure = figure_of(parameters)
    assert trace(figure, "Pareto front (2)")["x"] == [10.0, 20.0]
    assert trace(figure, "Pareto front (2)")["y"] == [70.0, 81.0]  # the mean over two runs
    assert trace(figure, "others")["x"] == [30.0]
    assert (trace(figure, "recommended")["x"], trace(figure, "recommended")["y"]) == ([20.0], [81.0])
    assert figure["layout"]["xaxis"]["title"]["text"] == "parameters (number)"
    # Of two equal sizes the better one stays, and the larger one is better still.
    assert trace(figure_of(flops), "Pareto front")["x"] == [1e6, 2e6]
    assert trace(figure_of(flops), "Pareto front")["y"] == [75.0, 81.0]


def test_sizes_that_are_missing_or_nothing_are_not_known(make):
    material = make(rows(), SCORES)
    assert sizes_of(material, "params") == {"a": 10.0, "b": 20.0, "c": 30.0, "d": 5.0}
    assert sizes_of(material, "flops") == {"a": 1e6, "b": 2e6, "c": 1e6, "e": 1e6}
    assert sizes_of(material, "synflow") == {}


def test_what_is_missing_is_said(make, empty):
    assert "No score rung of this study counts parameters or FLOPs" in str(tradeoff(empty).parts[0])
    assert "was measured at full yet" in str(tradeoff(make([], SCORES)).parts[0])
    assert [chart.name for chart in tradeoff(make(rows(), {"a": (1.0,)}, ("params",))).charts] == ["size-params"]


def test_less_is_better_where_the_objective_says_so(make, figure_of):
    objective = {"signal": "val_accuracy", "direction": "minimise", "unit": "none"}
    figure = figure_of(tradeoff(make(rows(), SCORES, objective=objective)).charts[0])
    assert trace(figure, "Pareto front")["x"] == [10.0]


def test_of_many_the_front_stays(make, figure_of):
    rng = np.random.default_rng(0)
    known = {str(i): (float(x), float(y)) for i, (x, y) in enumerate(rng.uniform(1, 100, size=(3000, 2)))}
    chart = size_chart(make([]), "params", known)
    edge, others = trace(figure_of(chart), "Pareto front"), trace(figure_of(chart), "others")
    whole = front([x for x, _ in known.values()], [y for _, y in known.values()])
    assert len(edge["x"]) == whole.sum()
    assert len(edge["x"]) + len(others["x"]) == 1000
    assert edge["y"] == sorted(edge["y"]) and edge["x"] == sorted(edge["x"])
    assert "1,000 of 3,000 architectures drawn" in chart.note
    assert others["name"] == f"others at full ({3000 - whole.sum():,})"
    assert pytest.approx(len(others["text"])) == len(others["x"])
