"""Several studies on one page: their best so far over each other, their answers, costs and rungs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from mfsearch.report.html.material import Material
from mfsearch.report.html.page import page
from mfsearch.report.html.parts import Chart, Section, nothing, paragraph, table
from mfsearch.report.html.progress import steps
from mfsearch.report.html.style import BLUE, GREY, ORANGE, PURPLE, RED, TEAL, axis, figure
from mfsearch.report.html.text import axis_words, clock_for, drawn, hover, shortened, signal_words
from mfsearch.report.html.thin import thinned
from mfsearch.report.views import show_figure
from mfsearch.units import format_seconds

_COLOURS = (BLUE, ORANGE, TEAL, PURPLE, RED, GREY)
_DASHES = ("solid", "dash", "dot", "dashdot")


def comparison_sections(materials: Sequence[Material]) -> list[Section]:
    """The sections of a page that compares studies.

    Args:
        materials: Two or more.
    """
    return [_answers(materials), _curves(materials), _spent(materials), _rungs(materials)]


def comparison_page(materials: Sequence[Material], sections: Sequence[Section] | None = None) -> str:
    """The page; `sections` are those of `comparison_sections`, where the caller has them already."""
    names = [str(material.summary["study"]) for material in materials]
    about = list(dict.fromkeys(str(material.summary.get("about") or "") for material in materials))
    lead = about[0] if len(about) == 1 else ""
    shown = ", ".join(names[:-1]) + f" and {names[-1]}"
    return page(f"{shown} compared", lead, comparison_sections(materials) if sections is None else sections)


def best_chart(materials: Sequence[Material], number: int = 0, title: str = "Best so far") -> Chart:
    """The best so far of studies that search the same, over each other.

    Args:
        materials: Of one objective.
        number: Of the chart.
        title: Of the chart.
    """
    objective = materials[0].objective
    clock = clock_for(max(m.summary["budget"]["spent_seconds"] for m in materials))
    found = figure(axis(clock.axis("device time spent"), rangemode="tozero"), axis(axis_words(objective, objective.signal)), 440)
    missing = []
    for place, material in enumerate(materials):
        name = str(material.summary["study"])
        x, y = steps(material)
        if not x:
            missing.append(name)
            continue
        keep = thinned(len(x), [len(x) - 2])
        line = {
            "color": _COLOURS[place % len(_COLOURS)],
            "dash": _DASHES[place // len(_COLOURS) % len(_DASHES)],
            "width": 2.5,
            "shape": "hv",
        }
        texts = [hover({"": name, "best so far": show_figure(objective, y[i]), "spent": format_seconds(x[i])}) for i in keep]
        mark = {"size": 7, "symbol": place % 4}
        found.add_trace(
            go.Scatter(
                x=[clock(x[i]) for i in keep],
                y=[y[i] for i in keep],
                mode="lines+markers",
                line=line,
                marker=mark,
                name=drawn(name, 40),
                text=texts,
                hoverinfo="text",
                showlegend=True,
            )
        )
    note = "The best measured at each study's target so far, against its own device time."
    if missing:
        note += f" Nothing was measured at the target of {', '.join(shortened(name, 40) for name in missing)}."
    return Chart(f"best-so-far-{number}", title, found, note)


def _curves(materials: Sequence[Material]) -> Section:
    groups: dict[tuple[Any, ...], list[Material]] = {}
    for material in materials:
        o = material.objective
        problem = (material.summary["settings"]["space"], material.summary.get("about"))
        groups.setdefault((o.signal, o.unit, o.direction, *problem), []).append(material)
    parts: list[str | Chart] = []
    if len(groups) > 1:
        parts.append(paragraph("These studies do not all search the same: those that do share a chart."))
    for number, group in enumerate(groups.values()):
        if any(material.summary["best_so_far"] for material in group):
            what = group[0].summary.get("about") or f"space {group[0].summary['settings']['space']}"
            parts.append(best_chart(group, number, f"Best so far: {shortened(what, 80)}" if len(groups) > 1 else "Best so far"))
        else:
            names = ", ".join(shortened(material.summary["study"], 40) for material in group)
            parts.append(nothing(f"Nothing was measured at the target of {names}, so there is no curve to draw."))
    return Section("progress", "Best so far against budget", parts)


def _answers(materials: Sequence[Material]) -> Section:
    rows = []
    for material in materials:
        summary, objective = material.summary, material.objective
        answer = summary["answer"]
        if answer is None:
            rows.append([summary["study"], "nothing to recommend yet", "", "", "", ""])
            continue
        low, high = (show_figure(objective, end) for end in answer["interval"])
        measured = show_figure(objective, answer["value"]) if answer["evaluated_at_target"] else "not measured"
        test = answer["test_accuracy"]
        rows.append(
            [
                summary["study"],
                f"{measured} {signal_words(objective.signal)}" if answer["evaluated_at_target"] else measured,
                f"{show_figure(objective, answer['expected'])} ({low} to {high})",
                "" if test is None else f"{test:.2f}%",
                "" if (regret := answer["judged"].get("regret")) is None else f"{regret:.4g}",
                answer["architecture"],
            ]
        )
    head = ["study", "measured at the target", "expected (95% interval)", "test accuracy", "regret", "recommended architecture"]
    return Section("answer", "Answers", [table(*_without_empty(head, rows))])


def _spent(materials: Sequence[Material]) -> Section:
    rows = []
    for material in materials:
        summary = material.summary
        budget, lines = summary["budget"], Counter[str]()
        for line in summary["spent"]:
            lines[line["line"]] += line["seconds"]
        parts = [format_seconds(lines[kind]) if lines[kind] else "-" for kind in ("evaluation", "score", "teacher", "optimiser")]
        simulated = " (simulated)" if budget["simulated"] else ""
        total = f"{format_seconds(budget['spent_seconds'])} of {format_seconds(budget['total_seconds'])}{simulated}"
        rows.append([summary["study"], summary["settings"]["policy"], str(summary["settings"]["seed"]), total, *parts])
    head = ["study", "policy", "seed", "spent", "evaluations", "scores", "teachers", "optimiser"]
    return Section("cost", "Cost", [table(head, rows, right=range(4, 8))])


def _rungs(materials: Sequence[Material]) -> Section:
    rows = [[material.summary["study"], *_rung(material, rung)] for material in materials for rung in material.summary["rungs"]]
    head = ["study", "rung", "kind", "ok", "failed", "cut", "lost", "seconds"]
    return Section("rungs", "Rungs", [table(head, rows, right=range(3, 8))])


def _rung(material: Material, rung: Mapping[str, Any]) -> list[str]:
    name = f"{rung['rung']} (target)" if rung["rung"] == material.target else str(rung["rung"])
    counts = [f"{rung[status]:,}" if status in rung else "" for status in ("ok", "failed", "cut", "lost")]
    return [name, str(rung["kind"]), *counts, f"{rung['seconds']:,.1f}" if "seconds" in rung else ""]


def _without_empty(head: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """A table without the columns in which nothing stands."""
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    return [head[i] for i in used], [[row[i] for i in used] for row in rows]
