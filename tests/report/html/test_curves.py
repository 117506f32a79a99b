from __future__ import annotations

from dataclasses import replace

from mfsearch.report.html.curves import MOST_CURVES, curve_chart, curves
from mfsearch.report.html.material import Curve


def rows(n: int) -> list[tuple[str, str, float, float, dict]]:
    return [(str(i), "full", 1.0, float(i), {}) for i in range(n)]


def test_the_recommended_curve_is_in_front(make, figure_of):
    known = [Curve("val_accuracy", i, (1.0 + i, 2.0 + i)) for i in range(3)]
    (chart,) = curves(replace(make(rows(3), recommended=1), curves=known)).charts
    drawn = figure_of(chart)["data"]
    assert [t["name"] for t in drawn] == ["others", "others", "recommended"]
    assert (drawn[2]["x"], drawn[2]["y"]) == ([1, 2], [2.0, 3.0])
    assert [t["showlegend"] for t in drawn] == [True, False, True]
    assert figure_of(chart)["layout"]["yaxis"]["title"]["text"] == "validation accuracy (%)"
    assert chart.title == "validation accuracy at full"


def test_the_figure_that_is_searched_comes_first(make):
    known = [Curve(name, 0, (1.0, 2.0)) for name in ("a_loss", "val_accuracy", "train_loss")]
    found = curves(replace(make(rows(1)), curves=known)).charts
    assert [chart.title for chart in found] == ["validation accuracy at full", "a loss at full", "train loss at full"]
    assert [chart.name for chart in found] == ["curve-0", "curve-1", "curve-2"]


def test_many_and_long_curves_are_thinned(make, figure_of):
    known = [Curve("train_loss", i, tuple(float(j) for j in range(1000))) for i in range(100)]
    material = replace(make(rows(100), recommended=57), curves=known)
    chart = curve_chart(material, "full", "train_loss", known, 0)
    drawn = figure_of(chart)["data"]
    assert len(drawn) == MOST_CURVES and drawn[-1]["name"] == "recommended"
    assert all(len(t["x"]) == 300 and (t["x"][0], t["x"][-1]) == (1, 1000) for t in drawn)
    assert chart.note == "40 of 100 curves drawn."


def test_none_is_said(empty):
    assert "No evaluation has stored a learning curve." in str(curves(empty).parts[0])
