from __future__ import annotations

from pages import trace

from mfsearch.report.html.cost import charged, cost, cost_chart


def test_expected_stands_against_charged(make, figure_of):
    material = make(
        [("a", "few", 2.0, 1.0, {}), ("b", "few", 8.0, 1.0, {}), ("a", "full", 0.0, 1.0, {}), ("b", "full", 40.0, 1.0, {})]
    )
    (chart,) = cost(material).charts
    few = trace(figure_of(chart), "few (2)")
    assert (few["x"], few["y"]) == ([4.0, 4.0], [2.0, 8.0])  # the fixture expects 4 seconds of everything
    assert trace(figure_of(chart), "full (1)")["y"] == [40.0]
    assert "At few half of the evaluations cost more than 1.25 times what was expected." in chart.note
    assert figure_of(chart)["layout"]["xaxis"]["title"]["text"] == "expected (seconds)"
    equal = trace(figure_of(chart), "as expected")
    assert equal["x"] == equal["y"]


def test_failures_and_what_was_given_tell_nothing(material):
    assert [material.evaluations[i]["evaluation"] for rung in ("few", "full") for i in charged(material, rung)] == [0, 2, 3, 4]


def test_nothing_is_said(empty):
    assert cost(empty).charts == []
    assert "the cost model cannot be checked yet" in str(cost(empty).parts[0])


def test_many_points_are_thinned(make, figure_of):
    material = make([(str(i), "few", 1.0 + i % 7, 1.0, {}) for i in range(1200)], budget_seconds=1e5)
    chart = cost_chart(material, {"few": charged(material, "few")})
    assert len(trace(figure_of(chart), "few (1,200)")["x"]) == 1000
    assert "1,000 of 1,200 evaluations at few drawn" in chart.note
