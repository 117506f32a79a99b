"""Learning curves, where evaluations stored them."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from mfsearch.report.html.material import Curve, Material
from mfsearch.report.html.parts import Chart, Section, nothing
from mfsearch.report.html.style import BLUE, GREY, axis, figure
from mfsearch.report.html.text import axis_words, counted, drawn
from mfsearch.report.html.thin import thinned

MOST_CURVES = 40
"""Curves of one figure that a chart draws."""

_EPOCHS = 300  # points of one curve that are drawn
_CHARTS = 12  # rungs and figures that are drawn


def curves(material: Material) -> Section:
    """The section."""
    title = "Learning curves"
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in material.curves:
        groups.setdefault((str(material.evaluations[curve.place]["rung"]), curve.name), []).append(curve)
    if not groups:
        return Section("curves", title, [nothing("No evaluation has stored a learning curve.")])
    order = {rung: number for number, rung in enumerate(material.signals)}
    # The target first, and there the figure that is searched.
    ranked = sorted(groups, key=lambda group: (-order.get(group[0], -1), group[1] != material.objective.signal, group[1]))
    return Section("curves", title, [curve_chart(material, *group, groups[group], n) for n, group in enumerate(ranked[:_CHARTS])])


def curve_chart(material: Material, rung: str, name: str, known: Sequence[Curve], number: int) -> Chart:
    """The curves of one figure at one rung, the recommended architecture's in front.

    Args:
        material: The study.
        rung: Where they were made.
        name: Of the figure.
        known: All of its curves.
        number: Of the chart.
    """
    answer = material.summary["answer"]
    best = answer["architecture"] if answer else None
    is_best = [material.evaluations[c.place]["architecture"] == best for c in known]
    shown = thinned(len(known), [i for i, own in enumerate(is_best) if own], MOST_CURVES)
    found = figure(axis("epoch", rangemode="tozero"), axis(axis_words(material.objective, name)), 320)
    named: set[str] = set()
    for i in sorted(shown, key=lambda i: is_best[i]):
        epochs = thinned(len(known[i].figures), most=_EPOCHS)
        label = "recommended" if is_best[i] else "others"
        line = {"color": BLUE, "width": 2.5} if is_best[i] else {"color": GREY, "width": 1}
        found.add_trace(
            go.Scatter(
                x=[epoch + 1 for epoch in epochs],
                y=[known[i].figures[epoch] for epoch in epochs],
                mode="lines",
                line=line,
                opacity=1.0 if is_best[i] else 0.5,
                name=label,
                legendgroup=label,
                showlegend=label not in named,
                text=[f"epoch {epoch + 1}: {known[i].figures[epoch]:.5g}<br>{material.told(known[i].place)}" for epoch in epochs]
                if len(shown) * len(epochs) <= 2000
                else drawn(f"#{material.evaluations[known[i].place]['evaluation']}"),
                hoverinfo="text",
            )
        )
        named.add(label)
    note = (
        f"{len(shown)} of {counted(len(known), 'curve')} drawn."
        if len(shown) < len(known)
        else counted(len(known), "curve") + "."
    )
    words = axis_words(material.objective, name).partition(" (")[0]
    return Chart(
        f"curve-{number}", f"{name.replace('_', ' ')} at {rung}" if not words else f"{_plain(name)} at {rung}", found, note
    )


def _plain(name: str) -> str:
    return name.replace("val_", "validation ").replace("_", " ")
