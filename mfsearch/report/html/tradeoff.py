"""Accuracy against size: what was measured at the target against parameters and FLOPs, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Chart, Section, nothing
from mfsearch.report.html.style import BLUE, GREY, INK, Look, axis, figure, log_axis, points
from mfsearch.report.html.text import axis_words, counted, drawn, hover
from mfsearch.report.html.thin import said, thinned
from mfsearch.report.views import show_figure

SIZES: Final = {"params": "parameters", "flops": "FLOPs"}
"""Scores that measure size, and what they count."""


def tradeoff(material: Material) -> Section:
    """The section."""
    title = "Size against accuracy"
    known = {column: sizes_of(material, column) for column in SIZES}
    known = {column: sizes for column, sizes in known.items() if sizes}
    if not known:
        text = "No score rung of this study counts parameters or FLOPs (scores params and flops), so sizes are not known."
        return Section("size", title, [nothing(text)])
    measured = _measured(material)
    charts = [
        size_chart(material, column, {key: (sizes[key], measured[key]) for key in measured if key in sizes})
        for column, sizes in known.items()
        if any(key in sizes for key in measured)
    ]
    if not charts:
        return Section("size", title, [nothing(f"No architecture whose size is known was measured at {material.target} yet.")])
    return Section("size", title, charts)


def sizes_of(material: Material, column: str) -> dict[str, float]:
    """Architecture -> a size, where it is known and more than nothing."""
    found: dict[str, float] = {}
    for rung, columns in material.columns.items():
        if column in columns:
            place = list(columns).index(column)
            found |= {key: float(row[place] or 0.0) for key, row in material.scores.get(rung, {}).items()}
    return {key: size for key, size in found.items() if size > 0}


def front(sizes: Sequence[float], values: Sequence[float]) -> NDArray[np.bool_]:
    """Which of n points no other dominates: no larger, no worse, and one of both better.

    Args:
        sizes: Less is better, n.
        values: More is better, n.

    Returns:
        n truth values; of equal points all or none.
    """
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(values, dtype=np.float64)
    order = np.lexsort((-y, x))
    chosen = np.zeros(len(x), dtype=bool)
    best, width = -np.inf, np.nan
    for i in order.tolist():
        if y[i] > best or (y[i] == best and x[i] == width):
            chosen[i], best, width = True, y[i], x[i]
    return chosen


def size_chart(material: Material, column: str, known: dict[str, tuple[float, float]]) -> Chart:
    """One size against the figure at the target, the mean over its runs.

    Args:
        material: The study.
        column: Name of the size.
        known: Architecture -> its size and figure.
    """
    objective, keys = material.objective, list(known)
    sizes, figures = ([known[key][i] for key in keys] for i in (0, 1))
    ahead = front(sizes, [objective.sign * f for f in figures])
    keep = np.flatnonzero(ahead).tolist()
    shown = thinned(len(keys), keep)
    texts = [
        hover({"": f"{show_figure(objective, figures[i])}, {sizes[i]:,.4g} {SIZES[column]}", "architecture": keys[i]})
        for i in range(len(keys))
    ]
    found = figure(
        log_axis(f"{SIZES[column]} (number)", sizes),
        axis(axis_words(objective, objective.signal)),
    )
    edge = sorted(keep, key=lambda i: (sizes[i], objective.sign * figures[i]))
    found.add_trace(
        go.Scatter(
            x=[sizes[i] for i in edge],
            y=[figures[i] for i in edge],
            mode="lines+markers",
            line={"color": BLUE, "width": 2, "shape": "hv"},
            marker={"size": 8},
            name=f"Pareto front ({len(edge):,})",
            text=[texts[i] for i in edge],
            hoverinfo="text",
            showlegend=True,
        )
    )
    others = [i for i in shown if not ahead[i]]
    if others:
        name = drawn(f"others at {material.target} ({len(keys) - len(keep):,})", 40)
        found.add_trace(
            points(
                [sizes[i] for i in others], [figures[i] for i in others], name, Look(GREY, "circle"), [texts[i] for i in others]
            )
        )
    answer = material.summary["answer"]
    if answer is not None and answer["architecture"] in known:
        x, y = known[answer["architecture"]]
        star = {"symbol": "star", "size": 15, "color": INK}
        found.add_trace(
            go.Scatter(
                x=[x],
                y=[y],
                mode="markers",
                marker=star,
                name="recommended",
                text=[texts[keys.index(answer["architecture"])]],
                hoverinfo="text",
            )
        )
    note = f"Mean over the runs of an architecture at {material.target}; {counted(len(keys), 'architecture')}."
    return Chart(
        f"size-{column}",
        f"Against {SIZES[column]}",
        found,
        f"{note} {said(len(shown), len(keys), 'architecture', best=True)}".strip(),
    )


def _measured(material: Material) -> dict[str, float]:
    """Architecture -> mean figure at the target."""
    own: dict[str, list[float]] = {}
    for place in material.of_rung(material.target):
        e = material.evaluations[place]
        own.setdefault(e["architecture"], []).append(float(e["figure"]))
    return {key: sum(figures) / len(figures) for key, figures in own.items()}
