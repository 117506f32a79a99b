"""The cost model: device seconds that were expected when an evaluation was asked, against those that were charged."""

from __future__ import annotations

import statistics

import plotly.graph_objects as go

from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Chart, Section, nothing
from mfsearch.report.html.style import GREY, figure, log_axis, looks, points
from mfsearch.report.html.text import drawn
from mfsearch.report.html.thin import said, thinned
from mfsearch.units import format_seconds


def cost(material: Material) -> Section:
    """The section."""
    title = "Cost model"
    known = {rung: own for rung in material.signals if (own := charged(material, rung))}
    if not known:
        text = "No evaluation that succeeded has an expected and a charged cost, so the cost model cannot be checked yet."
        return Section("cost", title, [nothing(text)])
    return Section("cost", title, [cost_chart(material, known)])


def charged(material: Material, rung: str) -> list[int]:
    """Places of a rung's evaluations that succeeded, with an expected and a charged cost of more than nothing."""
    return [
        i
        for i, e in enumerate(material.evaluations)
        if e["rung"] == rung and e["status"] == "ok" and e["seconds"] > 0 and (e["expected_seconds"] or 0) > 0
    ]


def cost_chart(material: Material, known: dict[str, list[int]]) -> Chart:
    """Expected against charged, both logarithmic; on the dotted line they are equal.

    Args:
        material: The study.
        known: Rung -> places of its evaluations, from `charged`.
    """
    rows = [material.evaluations[i] for own in known.values() for i in own]
    ends = [e[key] for e in rows for key in ("seconds", "expected_seconds")]
    span = [min(ends) / 1.3, max(ends) * 1.3]
    found = figure(log_axis("expected (seconds)", span), log_axis("charged (seconds)", span))
    equal = go.Scatter(
        x=span, y=span, mode="lines", name="as expected", line={"color": GREY, "dash": "dot", "width": 1.5}, hoverinfo="skip"
    )
    found.add_trace(equal)
    look, notes = looks(list(material.signals)), []
    for rung, own in known.items():
        shown = [own[i] for i in thinned(len(own))]
        expected = [float(material.evaluations[i]["expected_seconds"]) for i in shown]
        texts = [material.told(i, expected=format_seconds(material.evaluations[i]["expected_seconds"])) for i in shown]
        trace = points(
            expected, [material.evaluations[i]["seconds"] for i in shown], drawn(f"{rung} ({len(own):,})", 40), look[rung], texts
        )
        found.add_trace(trace)
        ratio = statistics.median(material.evaluations[i]["seconds"] / material.evaluations[i]["expected_seconds"] for i in own)
        notes.append(f"At {rung} half of the evaluations cost more than {ratio:.2f} times what was expected.")
        notes.append(said(len(shown), len(own), f"evaluation at {rung}"))
    return Chart("cost", "Expected against charged", found, " ".join(filter(None, notes)))
