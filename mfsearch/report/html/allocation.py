"""Where the budget went: its lines, its rungs, and each evaluation with the reason for it."""

from __future__ import annotations

import statistics
from typing import Final

import plotly.graph_objects as go

from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Chart, Section, nothing, table
from mfsearch.report.html.style import GREY, PURPLE, RED, TEAL, Look, axis, figure, looks, points
from mfsearch.report.html.text import clock_for, counted, drawn
from mfsearch.report.html.thin import said, thinned
from mfsearch.units import format_seconds

_LABEL = 22  # characters of a rung's name beside an axis
_LINES: Final = {"teacher": PURPLE, "score": TEAL, "optimiser": GREY}
_STATUSES: Final = ("ok", "failed", "cut", "lost")


def allocation(material: Material) -> Section:
    """The section."""
    title = "Allocation over rungs"
    spent = [line for line in material.summary["spent"] if line["seconds"] > 0]
    parts: list[str | Chart] = []
    parts.append(spent_chart(material) if spent else nothing("No device time has been charged yet."))
    if material.evaluations:
        parts.append(timeline_chart(material))
    else:
        parts.append(nothing("No evaluation has ended yet."))
    return Section("allocation", title, [*parts, _counts(material)])


def spent_chart(material: Material) -> Chart:
    """One bar for each line of the books."""
    lines = [line for line in material.summary["spent"] if line["seconds"] > 0][::-1]
    total = sum(line["seconds"] for line in lines)
    clock, look = clock_for(max(line["seconds"] for line in lines)), looks(list(material.signals))
    texts = [f"{format_seconds(line['seconds'])}, {line['seconds'] / total:.0%}" for line in lines]
    bars = go.Bar(
        x=[clock(line["seconds"]) for line in lines],
        y=list(range(len(lines))),
        orientation="h",
        marker={
            "color": [look[line["rung"]].colour if line["rung"] in look else _LINES.get(line["line"], GREY) for line in lines]
        },
        text=texts,
        textposition="auto",
        cliponaxis=False,
        hovertext=[
            f"{drawn(line['line'])} {drawn(line['rung'])}: {counted(line['count'], 'time')}, {text}"
            for line, text in zip(lines, texts, strict=True)
        ],
        hoverinfo="text",
        showlegend=False,
        width=0.62,
    )
    names = [drawn(f"{line['line']} {line['rung']}".strip(), _LABEL) for line in lines]
    y = axis("", tickmode="array", tickvals=list(range(len(lines))), ticktext=names, showgrid=False)
    found = figure(axis(clock.axis("device time"), rangemode="tozero"), y, 110 + 44 * len(lines)).add_trace(bars)
    return Chart("spent", "Where the budget went", found)


def timeline_chart(material: Material) -> Chart:
    """Every evaluation on its rung, when it had ended."""
    rungs = list(material.signals)
    look, clock = looks(rungs), clock_for(material.summary["budget"]["spent_seconds"])
    y = axis(
        "",
        tickmode="array",
        tickvals=list(range(len(rungs))),
        ticktext=[drawn(r, _LABEL) for r in rungs],
        range=[-0.6, len(rungs) - 0.4],
    )
    found = figure(axis(clock.axis("device time spent"), rangemode="tozero"), y, 170 + 60 * len(rungs))
    notes = []
    for height, rung in enumerate(rungs):
        own = [i for i, e in enumerate(material.evaluations) if e["rung"] == rung]
        bad = [i for i in own if material.evaluations[i]["status"] != "ok"]
        good = [i for i in own if material.evaluations[i]["status"] == "ok"]
        for places, name, mark in ((good, rung, look[rung]), (bad, f"{rung}, not ok", Look(RED, "x"))):
            if not places:
                continue
            shown = [places[i] for i in thinned(len(places))]
            texts = [material.told(i, why=True) for i in shown]
            trace = points(
                [clock(material.known_at[i]) for i in shown],
                [height] * len(shown),
                drawn(f"{name} ({len(places):,})", 40),
                mark,
                texts,
            )
            found.add_trace(trace)
            notes.append(said(len(shown), len(places), f"evaluation at {name}"))
    note = "Point at an evaluation to see why it was made."
    return Chart("allocation", "Every evaluation, and why it was made", found, " ".join([note, *filter(None, notes)]))


def _counts(material: Material) -> str:
    rows = []
    for rung in material.summary["rungs"]:
        seconds = [e["seconds"] for e in material.evaluations if e["rung"] == rung["rung"]]
        rows.append(
            [
                str(rung["rung"]),
                f"{rung['kind']}, target" if rung["rung"] == material.target else str(rung["kind"]),
                *(f"{rung[status]:,}" if status in rung else "" for status in (*_STATUSES, "running")),
                format_seconds(statistics.median(seconds)) if seconds else "",
                format_seconds(sum(seconds)) if seconds else "",
            ]
        )
    return table(["rung", "kind", *_STATUSES, "running", "median", "in all"], rows, right=range(2, 9))
