from __future__ import annotations

from pages import Page

from mfsearch.report.html.parts import Chart, Section, commands, facts, nothing, paragraph, table

NASTY = '<script>alert(1)</script> & "it\'s"'


def test_every_part_shows_text_as_it_is():
    html = paragraph(NASTY) + nothing(NASTY) + table([NASTY], [[NASTY]]) + facts([(NASTY, NASTY)]) + commands([NASTY])
    page = Page(html)
    assert [line for line in page.text[""].split("\n") if line] == [NASTY] * 7
    assert {tag for tag, _ in page.tags} == {
        "p",
        "div",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "dl",
        "dt",
        "dd",
        "pre",
        "code",
    }


def test_columns_to_the_right_are_marked():
    page = Page(table(["a", "b"], [["1", "2"]], right=[1]))
    assert [attributes.get("class") for tag, attributes in page.tags if tag in ("th", "td")] == [None, "right", None, "right"]
    assert page.cells[""] == [["a", "b"], ["1", "2"]]


def test_a_section_knows_its_charts():
    chart = Chart("a", "A", None)
    assert Section("s", "S", ["x", chart, "y"]).charts == [chart]
