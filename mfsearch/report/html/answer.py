"""The answer: the recommended architecture, how good it is, what was paid for it, and what to type next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from mfsearch.records import Objective
from mfsearch.report.answer import useless_rungs
from mfsearch.report.html.cell import drawn_cell, listed_choices
from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Section, commands, facts, nothing, paragraph
from mfsearch.report.html.text import counted, safe, signal_words
from mfsearch.report.views import show_figure
from mfsearch.units import format_seconds


def answer(material: Material) -> Section:
    """The first section."""
    summary, parts = material.summary, []
    found = summary["answer"]
    if found is None:
        parts.append(nothing("There is nothing to recommend yet: no evaluation has succeeded."))
    else:
        key = found["architecture"]
        picture = drawn_cell(key) or listed_choices(key)
        text = f'{_headline(summary)}<p class="key"><code>{safe(key)}</code></p>{facts(_facts(summary))}'
        parts.append(f'<div class="answer"><div>{text}</div><div class="picture">{picture}</div></div>')
    parts.append(_bar(summary["budget"]))
    parts += [paragraph(f"Not worth its cost: {sentence}.") for sentence in useless_rungs(summary)]
    if summary["stopped"]:
        parts.append(paragraph(f"The search ended because {summary['stopped'].rstrip('.')}."))
    parts += ["<h3>Next</h3>", commands(next_commands(summary))]
    return Section("answer", "Answer", parts)


def next_commands(summary: Mapping[str, Any]) -> list[str]:
    """What to type to take the answer along, or to search on."""
    name = shlex.quote(summary["study"])
    export = [] if summary["answer"] is None else [f"mfsearch export {name} --out DIR"]
    return [*export, f"mfsearch resume {name} --budget +10min"]


def _headline(summary: Mapping[str, Any]) -> str:
    found, objective = summary["answer"], Objective(**summary["objective"])
    figure = found["value"] if found["evaluated_at_target"] else found["expected"]
    how = f"measured at {summary['target']}" if found["evaluated_at_target"] else "expected, not measured"
    label = f"{signal_words(objective.signal)}, {how}"
    return f'<p class="figure"><strong>{safe(show_figure(objective, figure))}</strong> <span>{safe(label)}</span></p>'


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    found, objective = summary["answer"], Objective(**summary["objective"])
    low, high = (show_figure(objective, end) for end in found["interval"])
    rows = [("the surrogate expects", f"{show_figure(objective, found['expected'])}, 95% interval {low} to {high}")]
    if not found["evaluated_at_target"]:
        rung = f"; its highest rung is {found['rung']}" if found["rung"] else ", nor at any other rung"
        rows.append((f"at {summary['target']}", f"not evaluated{rung}"))
    if found["test_accuracy"] is not None:
        rows.append(("test accuracy, computed once", f"{found['test_accuracy']:.2f}%"))
    rows += [
        (key.replace("_", " "), f"{figure:.5g}")
        for key, figure in found["judged"].items()
        if key != "test_accuracy" and figure is not None
    ]
    return [*rows, ("evaluations", counted(len(summary["evaluations"]), "evaluation"))]


def _bar(budget: Mapping[str, Any]) -> str:
    spent, total = budget["spent_seconds"], budget["total_seconds"]
    share = min(1.0, spent / total) if total > 0 else 0.0
    simulated = ", simulated" if budget["simulated"] else ""
    text = f"{format_seconds(spent)} of {format_seconds(total)} of device time spent ({share:.0%}{simulated})"
    return (
        f'<div class="budget"><div class="bar"><div style="width:{100 * share:.1f}%"></div></div><span>{safe(text)}</span></div>'
    )
