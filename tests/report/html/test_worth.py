from __future__ import annotations

import random
from typing import Any

import pytest
from pages import trace
from scipy.stats import spearmanr

from mfsearch.records import Diagnosis
from mfsearch.report.html.worth import correlation_chart, rank_correlation, worth, worth_chart

RATES = {"gain_per_second_by_rung": {"few": 0.25, "full": 0.01}}


def test_the_rank_correlation_is_that_of_the_architectures_on_both(make):
    draw = random.Random(0)
    few = {str(i): draw.random() for i in range(12)}
    full = {str(i): draw.random() for i in range(4, 16)}
    rows: list[Any] = [(key, "few", 1.0, f, {}) for key, f in few.items()] + [
        (key, "full", 1.0, f, {}) for key, f in full.items()
    ]
    both = sorted(few.keys() & full.keys())
    # Less train loss is better, more accuracy is.
    wanted = spearmanr([-few[key] for key in both], [full[key] for key in both]).statistic
    found, both_of_them = rank_correlation(make(rows), "few")
    assert found == pytest.approx(wanted)
    assert both_of_them == 8


@pytest.mark.parametrize("figures", [[1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
def test_too_few_or_too_equal_are_not_ranked(make, figure_of, figures: list[float]):
    rows: list[Any] = [(str(i), rung, 1.0, f, {}) for i, f in enumerate(figures) for rung in ("few", "full")]
    material = make(rows, diagnosis=Diagnosis({"few": 0.4}, ()))
    assert rank_correlation(material, "few") == (None, len(figures))
    chart = correlation_chart(material, {"few": 0.4})
    assert [bars["name"] for bars in figure_of(chart)["data"]] == ["learned by the surrogate"]
    assert f"few ({len(figures)} architectures on both)" in chart.note


def test_learned_and_observed_stand_beside_each_other(make, figure_of):
    rows: list[Any] = [(str(i), rung, 1.0, float(i), {}) for i in range(5) for rung in ("few", "full")]
    chart = correlation_chart(make(rows), {"few": 0.4})
    assert trace(figure_of(chart), "learned")["x"] == [0.4]
    assert trace(figure_of(chart), "observed")["x"] == [pytest.approx(-1.0)]
    assert figure_of(chart)["layout"]["xaxis"]["range"][0] < -1


def test_worth_is_drawn_for_every_rung_of_a_choice(make, figure_of):
    rows: list[Any] = [("a", "few", 1.0, 1.0, RATES), ("b", "few", 1.0, 1.0, {}), ("c", "full", 1.0, 1.0, RATES)]
    material = make(rows, charge_optimiser=False)
    figure = figure_of(worth_chart(material))
    assert (trace(figure, "few")["x"], trace(figure, "few")["y"]) == ([1.0, 3.0], [0.25, 0.25])
    assert trace(figure, "full")["y"] == [0.01, 0.01]
    assert figure["layout"]["yaxis"]["type"] == "log"


def test_what_is_not_known_is_said(make, empty, material):
    assert worth(empty).charts == []
    assert "No choice has been made yet" in str(worth(empty).parts[1])
    parts = worth(make([("a", "full", 1.0, 1.0, {"gain_per_second_by_rung": {"full": 0.0, "else": 1}})])).parts
    assert "stores no worth" in str(parts[1])
    assert [chart.name for chart in worth(material).charts] == ["correlation"]


def test_a_single_rung_has_nothing_to_be_compared_with(make):
    ladder = [{"name": "full", "kind": "evaluation", "role": "level", "signal": "val_accuracy"}]
    assert "There is one evaluation rung only" in str(worth(make([], ladder=ladder)).parts[0])
