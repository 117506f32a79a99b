"""Where the budget went: its lines, its rungs, and each evaluation with the reason for it."""

from __future__ import annotations

import statistics
from typing import Final

import plotly.graph_objects as go

from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Chart, Section, nothing, table
from mfsearch.report.html.style import GREY, PAPER, PURPLE, RED, TEAL, Look, axis, figure, looks, points
from mfsearch.report.html.text import clock_for, counted, drawn
from mfsearch.report.html.thin import said, thinned
from mfsearch.units import format_seconds

_LABEL = 22  # characters of a rung's name beside an axis
_CROWD = 60  # evaluations of a rung from which they spread over a band
_BAND = 0.7  # its height, in rows
_GOLDEN = 0.6180339887  # multiples of it fill a band evenly
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
        insidetextfont={"color": PAPER},
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
        # Many points on one line would hide each other: they spread over a band, by their place in the history.
        band = _BAND if len(own) > _CROWD else 0.0
        shown = [own[i] for i in thinned(len(own))]
        for good, name, mark in ((True, rung, look[rung]), (False, f"{rung}, not ok", Look(RED, "x"))):
            places = [i for i in shown if (material.evaluations[i]["status"] == "ok") is good]
            number = sum((material.evaluations[i]["status"] == "ok") is good for i in own)
            if not places:
                continue
            found.add_trace(
                points(
                    [clock(material.known_at[i]) for i in places],
                    [height + band * (i * _GOLDEN % 1 - 0.5) for i in places],
                    drawn(f"{name} ({number:,})", 40),
                    mark,
                    [material.told(i, why=True) for i in places],
                )
            )
        notes.append(said(len(shown), len(own), f"evaluation at {rung}"))
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
