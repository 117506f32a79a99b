from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import Page

from mfsearch.report.html.page import page
from mfsearch.report.html.parts import Chart, Section, nothing
from mfsearch.report.html.style import axis, figure, looks, points

NASTY = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "${title}",
    "$",
    "a\u2028b",
    "&lt;",
    '"><img src=x>',
]


def chart(text: str) -> Chart:
    drawn = figure(axis("x"), axis("y")).add_trace(points([1.0], [2.0], text, looks(["a"])["a"], [text]))
    return Chart("one", text, drawn, text)


@pytest.mark.parametrize("text", NASTY)
def test_any_text_is_shown_as_it_is_and_runs_nothing(text: str):
    found = Page(page(text, text, [Section("s", text, [nothing(text), chart(text)])]))
    plain = Page(page("x", "x", [Section("s", "x", [nothing("x"), chart("x")])]))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert found.scripts == plain.scripts
    assert found.charts["one"]["data"][0]["text"] == [text]
    assert found.text["s"].count(text) == 4


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_figure_comes_back_whole(text: str):
    found = Page(page("x", "", [Section("s", "x", [chart(text)])]))
    assert found.charts["one"] == json.loads(chart(text).figure.to_json())


def test_the_page_asks_nothing_of_the_network():
    html = page("x", "", [Section("s", "x", [chart("x"), chart("y")])])
    found = Page(html)
    policy = next(a["content"] for t, a in found.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none';") and "http" not in str(policy)
    assert not [a for _, a in found.tags if "src" in a or str(a.get("href", "#"))[0] != "#"]
    assert sum(len(script) > 1_000_000 for script in found.scripts) == 1, "plotly.js, once"


def test_a_page_without_charts_is_small():
    assert len(page("x", "", [Section("s", "x", [nothing("x")])])) < 20_000


def test_it_fits_a_phone_and_every_section_is_linked():
    found = Page(page("x", "", [Section("one", "One", []), Section("two", "Two", [])]))
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in found.tags
    assert [a["href"] for tag, a in found.tags if tag == "a"] == ["#one", "#two"]
    assert "One\n" in found.text["one"]
