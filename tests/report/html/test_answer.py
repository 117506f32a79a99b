from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from pages import Page

from mfsearch.report.html.answer import answer, next_commands
from mfsearch.report.html.material import Material


def text_of(material: Material) -> str:
    return " ".join(Page("".join(str(part) for part in answer(material).parts)).text[""].split())


def changed(material: Material, **changes: object) -> Material:
    return replace(material, summary={**material.summary, **changes})


def test_the_figure_its_interval_and_its_cost_come_first(material):
    text = text_of(material)
    assert text.startswith("78.50% validation accuracy, measured at full |a~0|+|b~0|`c`~1|")
    assert "78.10%, 95% interval 77.00% to 79.20%" in text
    assert "test accuracy, computed once 77.77%" in text
    assert "31.4 s of 1 min 40 s of device time spent (31%)" in text
    assert "mfsearch export toy-1 --out DIR" in text


def test_a_cell_is_drawn(material):
    assert '<svg class="cell"' in "".join(str(part) for part in answer(material).parts)


def test_an_answer_that_missed_the_target_says_so(material):
    found = changed(material, answer={**material.summary["answer"], "evaluated_at_target": False, "rung": "few"})
    assert text_of(found).startswith("78.10% validation accuracy, expected, not measured")
    assert "at full not evaluated; its highest rung is few" in text_of(found)
    found = changed(material, answer={**found.summary["answer"], "rung": None})
    assert "at full not evaluated, nor at any other rung" in text_of(found)


def test_a_study_without_an_answer_says_so_in_one_sentence(empty):
    text = text_of(empty)
    assert text.startswith("There is nothing to recommend yet: no evaluation has succeeded.")
    assert "mfsearch export" not in text and "mfsearch resume toy-1" in text


def test_why_it_ended_and_rungs_that_are_not_worth_their_cost(material):
    found = changed(material, stopped="the budget is spent.", useless={"few": {"since_seconds": 12.0, "correlation": 0.05}})
    assert "The search ended because the budget is spent. " in text_of(found)
    assert "Not worth its cost: few, found after 12 s of the budget" in text_of(found)


@pytest.mark.parametrize("name", ["a b", "<b>'x'</b>; rm -rf $HOME"])
def test_commands_can_be_typed_whatever_the_name(material, name: str):
    for line in next_commands(changed(material, study=name).summary):
        assert shlex.split(line)[:3][-1] == name
