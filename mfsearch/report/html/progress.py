"""Best so far against the budget spent, with every rung's evaluations."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Chart, Section, nothing
from mfsearch.report.html.style import BLUE, HEIGHT, INK, axis, dress, looks, points
from mfsearch.report.html.text import axis_words, clock_for, drawn
from mfsearch.report.html.thin import said, thinned

_LOWER = 200  # pixels of a row of other figures


def progress(material: Material) -> Section:
    """The section."""
    title = "Best so far against budget"
    if not any(material.of_rung(rung) for rung in material.signals):
        return Section("progress", title, [nothing("No evaluation has brought a figure yet, so there is nothing to draw.")])
    return Section("progress", title, [progress_chart(material)])


def progress_chart(material: Material) -> Chart:
    """The step line of the best at the target, and the evaluations of every rung; a row for each figure that rungs measure."""
    wanted = material.objective.signal
    signals = [wanted, *dict.fromkeys(s for rung, s in material.signals.items() if s != wanted and material.of_rung(rung))]
    clock = clock_for(material.summary["budget"]["spent_seconds"])
    height = HEIGHT + _LOWER * (len(signals) - 1)
    share = [HEIGHT / height] + [_LOWER / height] * (len(signals) - 1)
    figure = dress(
        make_subplots(rows=len(signals), shared_xaxes=True, row_heights=share, vertical_spacing=min(0.06, 0.3 / len(signals))),
        height,
    )
    look, notes = looks(list(material.signals)), []
    for rung, signal in material.signals.items():
        own = material.of_rung(rung)
        if not own:
            continue
        better = {step["evaluation"] for step in material.summary["best_so_far"]}
        keep = [i for i, place in enumerate(own) if material.evaluations[place]["evaluation"] in better]
        shown = [own[i] for i in thinned(len(own), keep[::-1])]
        trace = points(
            [clock(material.known_at[i]) for i in shown],
            [material.evaluations[i]["figure"] for i in shown],
            drawn(f"{rung} ({len(own):,})", 40),
            look[rung],
            [material.told(i) for i in shown],
        )
        figure.add_trace(trace, row=signals.index(signal) + 1, col=1)
        notes.append(said(len(shown), len(own), f"evaluation at {rung}", best=rung == material.target))
    _add_best(figure, material, clock.seconds)
    _add_answer(figure, material, clock.seconds)
    for row, signal in enumerate(signals, start=1):
        figure.update_xaxes(**axis(clock.axis("device time spent") if row == len(signals) else ""), row=row, col=1)
        figure.update_yaxes(**axis(axis_words(material.objective, signal)), row=row, col=1)
    figure.update_xaxes(rangemode="tozero")
    note = f"The line is the best measured at {material.target} so far; points are evaluations, drawn when they ended."
    return Chart("best-so-far", "Best so far, and every evaluation", figure, " ".join([note, *filter(None, notes)]))


def steps(material: Material) -> tuple[list[float], list[float]]:
    """The best so far: device seconds and figures, from the first at the target to the end of what was spent."""
    # What was given from elsewhere may have a value and no figure of the target's name.
    best = [step for step in material.summary["best_so_far"] if step["figure"] is not None]
    x, y = [float(step["spent_seconds"]) for step in best], [float(step["figure"]) for step in best]
    return (x, y) if not x else ([*x, max(x[-1], float(material.summary["budget"]["spent_seconds"]))], [*y, y[-1]])


def _add_best(figure: go.Figure, material: Material, unit: float) -> None:
    x, y = steps(material)
    line = {"color": BLUE, "width": 2.5, "shape": "hv"}
    figure.add_trace(
        go.Scatter(x=[t / unit for t in x], y=y, mode="lines", line=line, name="best so far", hoverinfo="x+y"), row=1, col=1
    )


def _add_answer(figure: go.Figure, material: Material, unit: float) -> None:
    """A star where the recommended architecture was measured."""
    found = material.summary["answer"]
    if found is None or not found["evaluated_at_target"]:
        return
    place = next((i for i, e in enumerate(material.evaluations) if e["evaluation"] == found["evaluation"]), None)
    if place is None or material.evaluations[place]["figure"] is None:
        return
    star = {"symbol": "star", "size": 15, "color": INK}
    figure.add_trace(
        go.Scatter(
            x=[material.known_at[place] / unit],
            y=[material.evaluations[place]["figure"]],
            mode="markers",
            marker=star,
            name="recommended",
            text=[material.told(place)],
            hoverinfo="text",
        ),
        row=1,
        col=1,
    )
