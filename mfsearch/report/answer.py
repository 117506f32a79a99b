"""What a run prints at its end: the architecture, how good it is, what was paid for it, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfsearch.records import Objective
from mfsearch.report.views import show_figure
from mfsearch.units import format_seconds


def answer_lines(summary: Mapping[str, Any], report: str | None = None, weights: str | None = None) -> list[str]:
    """The end of a run, for a reader; one line each.

    Args:
        summary: `summarise`'s object.
        report: Where the report is.
        weights: Where the weights are.
    """
    answer, name = summary["answer"], summary["study"]
    lines = ["No evaluation succeeded: there is nothing to recommend."] if answer is None else _best(summary)
    lines += _spent(summary)
    lines += [_line("not worth its cost", text) for text in useless_rungs(summary)]
    if summary["stopped"]:
        lines.append(_line("ended because", summary["stopped"]))
    if summary.get("about"):
        lines.append(_line("searched", summary["about"]))
    if report is not None:
        lines.append(_line("report", report))
    if weights is not None:
        lines.append(_line("weights", weights))
    lines += ["Next", f"  mfsearch report {name}", f"  mfsearch resume {name} --budget +10min"]
    return lines if answer is None else [*lines, f"  mfsearch export {name} --out DIR"]


def useless_rungs(summary: Mapping[str, Any]) -> list[str]:
    """One sentence for each rung that the search stopped paying for, because it says too little about the target."""
    return [
        f"{rung}, found after {format_seconds(found['since_seconds'])} of the budget: its values correlate by "
        f"{found['correlation']:.2f} with those at {summary['target']}, so nothing was paid for it since"
        for rung, found in summary.get("useless", {}).items()
    ]


def _line(label: str, text: str) -> str:
    return f"  {label:<20}{text}"


def _best(summary: Mapping[str, Any]) -> list[str]:
    answer, objective = summary["answer"], Objective(**summary["objective"])
    low, high = (show_figure(objective, figure) for figure in answer["interval"])
    expected = f"{show_figure(objective, answer['expected'])} expected, 95% interval {low} to {high}"
    lines = ["Recommended architecture", f"  {answer['architecture']}"]
    name = objective.signal.replace("val_accuracy", "validation accuracy")
    if answer["evaluated_at_target"]:
        lines.append(_line(name, f"{show_figure(objective, answer['value'])} measured; {expected}"))
    else:
        rung = f"its highest rung is {answer['rung']}" if answer["rung"] else "it was never evaluated"
        lines.append(_line(name, f"{expected}; not evaluated at {summary['target']}: {rung}"))
    if answer["test_accuracy"] is not None:
        lines.append(_line("test accuracy", f"{answer['test_accuracy']:.2f}%, computed once"))
    judged = {
        key.replace("_", " "): figure for key, figure in answer["judged"].items() if key != "test_accuracy" and figure is not None
    }
    return lines + [_line(key, f"{figure:.5g}") for key, figure in judged.items()]


def _spent(summary: Mapping[str, Any]) -> list[str]:
    budget = summary["budget"]
    simulated = " (simulated)" if budget["simulated"] else ""
    lines = [_line("spent", f"{format_seconds(budget['spent_seconds'])} of {format_seconds(budget['total_seconds'])}{simulated}")]
    for line in summary["spent"]:
        what = f"{line['line']} {line['rung']}".rstrip()
        count = "" if line["line"] in ("optimiser", "teacher") else f"{line['count']} in "
        note = f" ({line['note']})" if line["note"] else ""
        lines.append(f"    {what:<24} {count}{format_seconds(line['seconds'])}{note}")
    return lines
