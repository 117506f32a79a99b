from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mfsearch.report.markdown import cell, code, reason, table, text, to_markdown
from mfsearch.report.summary import summarise

# A Markdown implementation of others reads what we wrote.
READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class Cells(HTMLParser):
    """Text of every table cell, row by row, and of everything else."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.cell: list[str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self.cell is not None:
            self.rows[-1].append("".join(self.cell))
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)


NASTY = [
    "a|b",
    "|x~0|+|y~0|z~1|",
    "`tick`",
    "a\nb",
    "<script>alert(1)</script>",
    "*bold* _it_ [l](u) ~~s~~",
    "\\|",
    "&amp;",
    "# no",
]


@pytest.mark.parametrize("value", NASTY)
def test_text_in_a_table_reads_as_it_was(value: str):
    page = Cells(READER.render(table(["head", "next"], [[text(value), "x"]])))
    assert page.rows == [["head", "next"], [" ".join(value.split()), "x"]]
    assert set(page.tags) == {"table", "thead", "tbody", "tr", "th", "td"}


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
def test_any_text_stays_in_its_cell(value: str):
    shown = " ".join(value.split())
    assert Cells(READER.render(table(["a", "b"], [[text(value), "x"]]))).rows[1] == [shown, "x"]


@pytest.mark.parametrize("value", [v for v in NASTY if v != "\\|"])
def test_code_in_a_table_reads_as_it_was(value: str):
    page = Cells(READER.render(table(["a", "b"], [[cell(value), "x"]])))
    assert page.rows[1] == [" ".join(value.split()), "x"]
    assert "code" in page.tags


def test_code_outside_a_table_keeps_its_pipes():
    assert unescape(READER.render(code("|a~0|"))) == "<p><code>|a~0|</code></p>\n"


def test_the_report_answers_first(history, recommendation):
    report = to_markdown(summarise("toy-1", history.state, recommendation))
    head = report.split("\n## ")[0]
    assert "**Recommended architecture:** ``|a~0|+|b~0|`c`~1|``" in head
    assert "measured at `full`: **78.50%**" in head
    assert "78.10%, 95% interval 77.00% to 79.20%" in head
    assert "test accuracy, computed once: **77.77%**" in head
    assert "mfsearch export toy-1 --out DIR" in head


def test_the_report_says_what_was_searched(history, recommendation):
    assert "- what was searched: A toy" in to_markdown(summarise("toy-1", history.state, recommendation, about="A toy"))
    assert "searched:" not in to_markdown(summarise("toy-1", history.state, recommendation))


def test_every_table_of_the_report_is_whole(history, recommendation):
    page = Cells(READER.render(to_markdown(summarise("toy-1", history.state, recommendation, {"python": "3"}))))
    by_width = [len(row) for row in page.rows]
    assert min(by_width) >= 5
    why = [row for row in page.rows if row[-1].startswith("gain 0.1235")]
    assert why == [["1", "few", "-", "2.0", "b", "gain 0.1235, cost 1"]]
    failures = [row for row in page.rows if row[-1].startswith("ValueError")]
    assert failures == [["1", "few", "failed", "2.0", "b", "ValueError: bad | thing at <line> 2"]]
    best = [row for row in page.rows if row[-1].startswith("|a~0|") and "%" in row[1]]
    assert best == [["21.4", "21%", "78.50%", "4", "|a~0|+|b~0|`c`~1|"]]
    assert ["teacher", "teacher", "1", "0.0", "cached, originally 12.5 s; 79.8% validation accuracy"] in page.rows


def test_the_configuration_cannot_break_out_of_its_block(history, recommendation):
    html = READER.render(to_markdown(summarise("toy-1", history.state, recommendation)))
    assert "&quot;note&quot;: &quot;```&quot;" in html
    assert html.index("<h2>Environment</h2>") > html.index("&quot;note&quot;")


def test_a_study_without_an_answer_says_so(new_history):
    report = to_markdown(summarise("toy-1", new_history().state, None))
    assert "There is nothing to recommend yet" in report
    assert "mfsearch resume toy-1" in report


def test_an_answer_that_missed_the_target_says_so(history, recommendation):
    summary = summarise("toy-1", history.state, recommendation)
    summary["answer"] |= {"evaluated_at_target": False, "rung": "few"}
    assert "not evaluated at the target `full`: its highest rung is `few`" in to_markdown(summary)


def test_reasons_are_words_first_then_figures():
    why = {"reason": "early look", "gain": 0.123456, "by_rung": {"low": 1e-7, "n": 3}, "tags": ["a"]}
    assert reason(why) == 'early look: gain 0.1235, by rung (low 1e-07, n 3), tags ["a"]'
    assert (reason({"reason": "at random"}), reason({"gain": 1}), reason({})) == ("at random", "gain 1", "")
