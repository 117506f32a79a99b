from __future__ import annotations

import json
from dataclasses import replace

from pages import Page

from mfsearch.records import Status
from mfsearch.report.html.material import gather
from mfsearch.report.html.records import MOST_FAILURES, configuration, failures
from mfsearch.report.summary import summarise


def read(section) -> Page:
    return Page("".join(section.parts))


def test_failures_are_listed_last_first(material):
    rows = read(failures(material)).cells[""]
    assert rows[0] == ["evaluation", "rung", "status", "took", "message", "architecture"]
    assert [row[:4] for row in rows[1:]] == [["5", "full", "cut", "9.0 s"], ["1", "few", "failed", "2.0 s"]]
    assert rows[2][4:] == ["ValueError: bad | thing at <line> 2", "b"]


def test_no_failures_are_said(empty, make):
    assert "Nothing was evaluated" in read(failures(empty)).text[""]
    assert "No evaluation has failed, was cut or lost." in read(failures(make([("a", "full", 1.0, 1.0, {})]))).text[""]


def test_many_failures_are_counted_and_the_last_listed(new_history):
    h = new_history(budget_seconds=1e5)
    for i in range(MOST_FAILURES + 30):
        h.tell(h.ask(i, str(i), "few"), 1.0, Status.FAILED, "x" * 1000)
    page = read(failures(gather(summarise("toy-1", h.state, None), h.state)))
    assert len(page.cells[""]) == MOST_FAILURES + 1
    assert page.cells[""][1][0] == str(MOST_FAILURES + 29)
    assert len(page.cells[""][1][4]) == 300
    assert "230 evaluations of 230 did not end well. The last 200 are listed" in page.text[""]


def test_the_configuration_is_whole(material):
    page = read(configuration(material))
    assert json.loads(page.text[""].partition("Configuration")[2]) == material.summary["configuration"]
    assert "max retries\n1\n" in page.text[""] and "python\n3\n" in page.text[""]


def test_no_configuration_is_said(material):
    bare = replace(material, summary={**material.summary, "configuration": {}})
    assert "No configuration was stored: a program made this study." in read(configuration(bare)).text[""]
