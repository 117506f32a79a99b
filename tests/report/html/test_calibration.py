from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pages import trace
from scipy.stats import norm

from mfsearch.records import Check, Diagnosis
from mfsearch.report.html.calibration import LEVELS, calibration, coverage, coverage_chart, predicted_chart


def checks(n: int, rung: str = "full") -> list[Check]:
    rng = np.random.default_rng(0)
    found = []
    for i in range(n):
        expected, spread, z = float(rng.uniform(60, 80)), float(rng.uniform(1, 3)), float(rng.normal())
        interval = (expected - 1.959964 * spread, expected + 1.959964 * spread)
        found.append(Check(i, rung, expected + z * spread, expected, interval, z))
    return found


def test_coverage_counts_what_lies_within_the_central_intervals():
    z = np.random.default_rng(1).standard_t(3, size=500)
    wanted = [(np.abs(z) <= norm.ppf(0.5 + level / 2)).mean() for level in LEVELS]
    np.testing.assert_allclose(coverage(z.tolist()), wanted)


def test_a_surrogate_that_is_right_keeps_its_promise():
    np.testing.assert_allclose(coverage(norm.ppf((np.arange(2000) + 0.5) / 2000).tolist()), LEVELS, atol=1e-3)


def test_the_chart_draws_shares_in_percent(material, figure_of):
    own = checks(40)
    line = trace(figure_of(coverage_chart(material, {"full": own})), "full (40)")
    assert line["x"] == pytest.approx([100 * level for level in LEVELS])
    assert line["y"] == pytest.approx([100 * sum(abs(c.z) <= norm.ppf(0.5 + p / 2) for c in own) / 40 for p in LEVELS])


def test_expected_stands_against_measured_with_the_interval(material, figure_of):
    own = checks(40)
    chart = predicted_chart(material, "full", own)
    points = trace(figure_of(chart), "full (40)")
    assert (points["x"], points["y"]) == ([c.expected for c in own], [c.measured for c in own])
    assert points["error_x"]["array"] == [c.interval[1] - c.expected for c in own]
    hit = sum(abs(c.z) <= 1.959964 for c in own)
    assert chart.note.startswith(f"{hit} of 40 evaluations lie within their 95% interval ({hit / 40:.0%})")
    assert figure_of(chart)["layout"]["xaxis"]["title"]["text"] == "predicted validation accuracy (%)"


def test_many_checks_draw_some_intervals(material, figure_of):
    chart = predicted_chart(material, "full", checks(500))
    points = trace(figure_of(chart), "full (500)")
    assert sum(length > 0 for length in points["error_x"]["array"]) == 60
    assert "60 of them drawn" in chart.note


def test_sections_say_what_is_missing(make, empty):
    assert "cannot be checked yet" in str(calibration(empty).parts[0])
    rows: list[Any] = [("a", "full", 1.0, 70.0, {})]
    assert "cannot be checked yet" in str(calibration(make(rows, diagnosis=Diagnosis({}, tuple(checks(1))))).parts[0])
    few = calibration(make(rows, diagnosis=Diagnosis({}, tuple(checks(3)))))
    assert [chart.name for chart in few.charts] == ["predicted-1"]
    assert "Calibration needs 8 evaluations" in str(few.parts[-1])
    many = calibration(make(rows, diagnosis=Diagnosis({}, (*checks(9), *checks(2, "few")))))
    assert [chart.name for chart in many.charts] == ["predicted-0", "predicted-1", "calibration"]


def test_equal_figures_can_be_drawn(material, figure_of):
    same = [Check(i, "full", 70.0, 70.0, (70.0, 70.0), 0.0) for i in range(3)]
    low, high = figure_of(predicted_chart(material, "full", same))["layout"]["xaxis"]["range"]
    assert low < 70.0 < high
