"""Predicted against observed, and whether the surrogate's intervals hold what they promise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from scipy.special import ndtr

from mfsearch.records import Check
from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Chart, Section, nothing, paragraph
from mfsearch.report.html.style import GREY, axis, figure, looks, points
from mfsearch.report.html.text import axis_words, counted, drawn
from mfsearch.report.html.thin import said, thinned
from mfsearch.report.views import show_figure

_FEWEST = 8  # checks of a rung from which a share of them says anything
_LINES = 60  # intervals that are drawn: more of them are a smear
LEVELS = tuple(np.linspace(0.05, 0.95, 19).round(2).tolist())
"""Probabilities of the central intervals whose share of hits is drawn."""


def calibration(material: Material) -> Section:
    """The section."""
    title = "Predicted against observed"
    checks = material.diagnosis.checks if material.diagnosis else ()
    of_rung = {rung: [c for c in checks if c.rung == rung] for rung in material.signals}
    enough = {rung: own for rung, own in of_rung.items() if len(own) > 1}
    if not enough:
        text = "The surrogate cannot be checked yet: no rung has two evaluations, of which one could be predicted from the other."
        return Section("calibration", title, [nothing(text)])
    words = (
        "Each evaluation is predicted by the surrogate from all others, as if it had not been made (its settings stay as fitted), and "
        "compared with what came out."
    )
    parts: list[str | Chart] = [paragraph(words), *(predicted_chart(material, rung, own) for rung, own in enough.items())]
    known = {rung: own for rung, own in enough.items() if len(own) >= _FEWEST}
    if known:
        parts.append(coverage_chart(material, known))
    else:
        parts.append(nothing(f"Calibration needs {_FEWEST} evaluations of one rung; no rung has them yet."))
    return Section("calibration", title, parts)


def coverage(z: Sequence[float], levels: Sequence[float] = LEVELS) -> NDArray[np.float64]:
    """Share of standardised errors within the central interval of each probability, one figure a level.

    Args:
        z: Errors in standard deviations.
        levels: Probabilities.
    """
    inside = 2 * ndtr(np.abs(np.asarray(z, dtype=np.float64))) - 1  # the smallest central interval that holds each
    return np.asarray((inside[None, :] <= np.asarray(levels)[:, None]).mean(1), dtype=np.float64)


def predicted_chart(material: Material, rung: str, checks: Sequence[Check]) -> Chart:
    """One rung: what was expected, with its interval, against what was measured."""
    signal, objective = material.signals[rung], material.objective
    words = axis_words(objective, signal)
    name = signal if signal != objective.signal else None
    shown = [checks[i] for i in thinned(len(checks))]
    lines = {id(shown[i]) for i in thinned(len(shown), most=_LINES)}
    texts = [
        f"#{c.evaluation} at {drawn(rung, 40)}<br>measured {show_figure(objective, c.measured, name)}<br>expected "
        f"{show_figure(objective, c.expected, name)}, 95% interval {show_figure(objective, c.interval[0], name)} to "
        f"{show_figure(objective, c.interval[1], name)}"
        for c in shown
    ]
    found = figure(axis(f"predicted {words}"), axis(f"measured {words}"))
    ends = [f for c in shown for f in (c.measured, c.expected)]
    low, high = min(ends), max(ends)
    pad = 0.05 * (high - low) or 1.0
    span = [low - pad, high + pad]
    ideal = go.Scatter(
        x=span,
        y=span,
        mode="lines",
        name="predicted = measured",
        line={"color": GREY, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    bars = {
        "type": "data",
        "symmetric": False,
        "array": [c.interval[1] - c.expected if id(c) in lines else 0 for c in shown],
        "arrayminus": [c.expected - c.interval[0] if id(c) in lines else 0 for c in shown],
        "thickness": 1,
        "width": 0,
        "color": GREY,
    }
    look = looks(list(material.signals))[rung]
    trace = points(
        [c.expected for c in shown],
        [c.measured for c in shown],
        drawn(f"{rung} ({len(checks):,})", 40),
        look,
        texts,
        error_x=bars,
    )
    found.add_traces([ideal, trace])
    # Wide intervals run out of the picture, so that the points fill it.
    wide = [span[0] - 2 * pad, span[1] + 2 * pad]
    found.update_xaxes(range=wide).update_yaxes(range=wide)
    hit = sum(c.interval[0] <= c.measured <= c.interval[1] for c in checks)
    note = f"{hit:,} of {counted(len(checks), 'evaluation')} lie within their 95% interval ({hit / len(checks):.0%}); lines are these intervals"
    note += f", {min(_LINES, len(shown))} of them drawn." if len(shown) > _LINES else "."
    more = said(len(shown), len(checks))
    return Chart(
        f"predicted-{list(material.signals).index(rung)}",
        f"Predicted against observed at {rung}",
        found,
        f"{note} {more}".strip(),
    )


def coverage_chart(material: Material, checks: dict[str, list[Check]]) -> Chart:
    """For every probability, the share of evaluations that lie within the interval of that probability; a line a rung."""
    found = figure(
        axis("probability of the interval (%)", range=[0, 100]), axis("evaluations inside it (%)", range=[0, 102]), height=400
    )
    ideal = go.Scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name="as promised",
        line={"color": GREY, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    found.add_trace(ideal)
    look = looks(list(material.signals))
    percent = [100 * level for level in LEVELS]
    for rung, own in checks.items():
        share = [100 * float(figure) for figure in coverage([c.z for c in own])]
        texts = [f"{drawn(rung, 40)}: {s:.0f}% within the {p:.0f}% interval" for p, s in zip(percent, share, strict=True)]
        trace = points(percent, share, drawn(f"{rung} ({len(own):,})", 40), look[rung], texts, marker={"opacity": 1.0})
        found.add_trace(trace.update(mode="lines+markers", line={"color": look[rung].colour, "width": 2}))
    note = "Below the dotted line the surrogate is surer than it may be, above it less sure than it could be."
    return Chart("calibration", "Do the intervals hold what they promise?", found, note)
