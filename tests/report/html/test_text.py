from __future__ import annotations

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.records import Objective
from mfsearch.report.html.text import axis_words, clock_for, counted, drawn, hover, safe, shortened, signal_words


@given(st.text())
def test_any_text_comes_back_from_html_and_holds_no_tag(value: str):
    assert unescape(safe(value)) == value
    assert not set(safe(value)) & set("<>\"'")
    assert not set(drawn(value)) & set("<>")


def test_long_text_is_cut_where_it_says():
    assert shortened("a" * 10, 10) == "a" * 10
    assert shortened("a" * 11, 10) == "a" * 9 + "…"
    assert shortened(" a\n b ", 10) == "a b"


def test_a_hover_text_has_a_line_a_label_and_leaves_out_what_is_empty():
    assert hover({"": "<b>", "why": "", "cost": None, "n": 0}) == "&lt;b&gt;<br>n: 0"


def test_a_long_hover_text_is_wrapped_before_it_is_escaped():
    lines = hover({"": "<" * 100}).split("<br>")
    assert [unescape(line) for line in lines] == ["<" * 64, "<" * 36]


@pytest.mark.parametrize(
    ("unit", "signal", "words"),
    [
        ("percent", "val_accuracy", "validation accuracy (%)"),
        ("fraction", "val_accuracy", "validation accuracy (fraction)"),
        ("none", "val_accuracy", "validation accuracy"),
        ("percent", "-train_loss", "train loss"),
        ("percent", "<i>", "&lt;i&gt;"),
    ],
)
def test_an_axis_names_the_figure_and_its_unit(unit, signal: str, words: str):
    assert axis_words(Objective(unit=unit), signal) == words


def test_accuracies_of_a_study_have_one_unit():
    assert axis_words(Objective("val_accuracy", unit="percent"), "train_accuracy") == "train accuracy (%)"
    assert axis_words(Objective("height", unit="percent"), "train_accuracy") == "train accuracy"


def test_signals_in_words():
    assert signal_words("-val_acc") == "validation accuracy"


@pytest.mark.parametrize(("seconds", "name", "one"), [(599.0, "seconds", 1), (600.0, "minutes", 60), (7200.0, "hours", 3600)])
def test_the_clock_fits_what_is_shown(seconds: float, name: str, one: int):
    clock = clock_for(seconds)
    assert (clock.name, clock(seconds)) == (name, seconds / one)
    assert clock.axis("time") == f"time ({name})"


@pytest.mark.parametrize(
    ("number", "what", "text"),
    [
        (1, "evaluation at kd", "1 evaluation at kd"),
        (0, "evaluation", "0 evaluations"),
        (20_000, "evaluation at kd", "20,000 evaluations at kd"),
    ],
)
def test_nouns_agree_with_their_numbers(number: int, what: str, text: str):
    assert counted(number, what) == text
