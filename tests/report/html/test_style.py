from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.report.html import style
from mfsearch.report.html.style import DARK, axis, figure, log_axis, looks, marks_between


def luminance(colour: str) -> float:
    """Relative luminance, as the accessibility guidelines (WCAG 2.2) define it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


DRAWN = (style.BLUE, style.ORANGE, style.TEAL, style.PURPLE, style.GREY, style.RED)


@pytest.mark.parametrize("colour", [style.INK, style.MUTED, *DRAWN])
def test_every_colour_can_be_read_on_its_page(colour: str):
    needed = 4.5 if colour in (style.INK, style.MUTED) else 3.0
    assert contrast(colour, "#ffffff") >= needed
    assert contrast(DARK[colour], "#1a2027") >= needed


@pytest.mark.parametrize("colour", DRAWN)
def test_what_is_written_on_a_bar_can_be_read(colour: str):
    assert contrast(style.PAPER, colour) >= 4.0
    assert contrast(DARK[style.PAPER], DARK[colour]) >= 4.5


def test_every_colour_has_one_for_the_night():
    named = {value for key, value in vars(style).items() if key.isupper() and isinstance(value, str) and value.startswith("#")}
    assert named == set(DARK)


@pytest.mark.parametrize("count", range(1, 6))
def test_rungs_differ_in_colour_and_in_shape_and_the_target_is_blue(count: int):
    found = looks([str(i) for i in range(count)])
    assert list(found) == [str(i) for i in range(count)]
    assert found[str(count - 1)] == style.Look(style.BLUE, "circle")
    assert all(a.colour != b.colour and a.symbol != b.symbol for a, b in itertools.combinations(found.values(), 2))


def test_a_figure_is_transparent_and_has_its_axes():
    layout = figure(axis("time (seconds)"), axis("accuracy (%)"), 300).to_dict()["layout"]
    assert layout["xaxis"]["title"]["text"] == "time (seconds)"
    assert layout["yaxis"]["title"]["text"] == "accuracy (%)"
    assert (layout["paper_bgcolor"], layout["height"]) == ("rgba(0,0,0,0)", 300)


@given(st.floats(1e-12, 1e12), st.floats(1.0, 1e15))
def test_marks_are_round_and_surround_what_is_drawn(low: float, ratio: float):
    high = low * ratio
    marks = marks_between(low, high)
    assert marks == sorted(set(marks)) and len(marks) <= 14
    assert marks[0] <= low * (1 + 1e-6)
    assert len(marks) >= 2 or math.isclose(marks[0], low, rel_tol=1e-6)
    for mark in marks:
        assert float(f"{mark:.1e}") == pytest.approx(mark, rel=1e-9)


def test_marks_are_written_out():
    found = log_axis("expected (seconds)", [0.31, 9.0])
    assert found["ticktext"] == ["0.2", "0.5", "1", "2", "5", "10"]
    assert "type" not in log_axis("", [50_000, 64_000]), "close figures have a plain axis"
    assert log_axis("", [2e6, 3e9])["ticktext"] == ["2M", "5M", "10M", "20M", "50M", "100M", "200M", "500M", "1G", "2G", "5G"]
