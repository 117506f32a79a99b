"""What the rungs tell of the target: learned and observed correlations, and what a second on each was judged to be worth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from scipy.stats import spearmanr

from mfsearch.report.agreement import contribution
from mfsearch.report.html.material import Material
from mfsearch.report.html.parts import Chart, Section, nothing, table
from mfsearch.report.html.style import BLUE, GREY, PAPER, axis, figure, log_axis, looks, points
from mfsearch.report.html.text import clock_for, counted, drawn
from mfsearch.report.html.thin import said, thinned

_FEWEST = 4  # architectures on two rungs from which their rank correlation is shown


def worth(material: Material) -> Section:
    """The section."""
    title = "What the rungs tell"
    lower = [rung for rung in material.signals if rung != material.target]
    parts: list[str | Chart] = []
    contributed = [_contributed(material)] if material.summary["contributions"] else []
    if not lower:
        text = "There is one evaluation rung only, the target: no run of another could tell anything about it."
        return Section("worth", title, [nothing(text), *contributed])
    learned = material.diagnosis.correlations if material.diagnosis else {}
    if learned:
        parts.append(correlation_chart(material, learned))
    else:
        parts.append(nothing("The surrogate has learned no correlation yet: it needs an evaluation that succeeded."))
    if any(_rates(material, e["why"]) for e in material.evaluations):
        parts.append(worth_chart(material))
    else:
        text = f"The policy {material.summary['settings']['policy']} stores no worth of the rungs with its choices."
        parts.append(
            nothing(text if material.evaluations else "No choice has been made yet that would say what a rung is worth.")
        )
    return Section("worth", title, [*parts, *contributed])


def _contributed(material: Material) -> str:
    """The rungs below the target: what they cost, and how well they rank what the target measured."""
    rows = [[str(found["rung"]), *contribution(found, material.target)] for found in material.summary["contributions"]]
    return table(
        ["rung", "architectures", "charged", "of all", f"ranks like {material.target} (Spearman)"], rows, right=(1, 2, 3)
    )


def rank_correlation(material: Material, rung: str) -> tuple[float | None, int]:
    """Spearman's correlation of a rung's values with the target's over the architectures on both, where more is better.

    Returns:
        The correlation, None where there are fewer than four or all values of a side are equal; and the number of architectures.
    """
    here, target = _means(material, rung), _means(material, material.target)
    both = sorted(here.keys() & target.keys())
    pairs = np.array([[here[key], target[key]] for key in both])
    if len(both) < _FEWEST or (np.ptp(pairs, axis=0) == 0).any():
        return None, len(both)
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic), len(both)


def correlation_chart(material: Material, learned: Mapping[str, float]) -> Chart:
    """Bars of the learned correlation of each lower rung with the target, and of the rank correlation that was observed."""
    rungs = list(learned)[::-1]
    places = list(range(len(rungs)))
    observed = [rank_correlation(material, rung) if rung in material.signals else (None, 0) for rung in rungs]
    names = [drawn(rung, 22) for rung in rungs]
    y = axis("", tickmode="array", tickvals=places, ticktext=names, showgrid=False)
    found = figure(
        axis(
            f"correlation with {drawn(material.target, 22)}",
            range=[min(0, *learned.values(), *(r or 0 for r, _ in observed)) - 0.02, 1.02],
        ),
        y,
        150 + 56 * len(rungs),
    )
    rows: list[tuple[str, list[float | None], str, list[str]]] = [
        ("learned by the surrogate", [learned[rung] for rung in rungs], BLUE, ["" for _ in rungs]),
        (
            "observed, rank correlation",
            [r for r, _ in observed],
            GREY,
            [f", over {counted(n, 'architecture')}" for _, n in observed],
        ),
    ]
    for name, figures, colour, more in rows:
        if all(f is None for f in figures):
            continue
        texts = ["" if f is None else f"{f:.2f}" for f in figures]
        hovers = [f"{rung}: {text or 'not known'} {name}{extra}" for rung, text, extra in zip(names, texts, more, strict=True)]
        found.add_trace(
            go.Bar(
                x=figures,
                y=places,
                orientation="h",
                name=name,
                marker={"color": colour},
                text=texts,
                insidetextfont={"color": PAPER},
                hovertext=hovers,
                hoverinfo="text",
            )
        )
    found.update_layout(barmode="group", bargap=0.35, legend={"traceorder": "normal"})
    unknown = [
        f"{rung} ({counted(n, 'architecture')} on both)" for rung, (r, n) in zip(rungs, observed, strict=True) if r is None
    ]
    note = "1: one evaluation there ranks architectures like the target; 0: it tells nothing."
    if unknown:
        note += f" Too few, or too equal, to rank: {', '.join(unknown)}."
    return Chart("correlation", f"How well each rung agrees with {material.target}", found, note)


def worth_chart(material: Material) -> Chart:
    """The gain per second that the policy expected of the best query of each rung, whenever it chose between them."""
    worths = [_rates(material, e["why"]) for e in material.evaluations]
    clock, look = clock_for(material.summary["budget"]["spent_seconds"]), looks(list(material.signals))
    found = figure(
        axis(clock.axis("device time spent"), rangemode="tozero"),
        log_axis("expected gain per second", [rate for rates in worths for rate in rates.values()]),
    )
    notes = []
    for rung in material.signals:
        own = [(i, rates[rung]) for i, rates in enumerate(worths) if rung in rates]
        if not own:
            continue
        shown = [own[i] for i in thinned(len(own))]
        trace = points(
            [clock(material.known_at[i]) for i, _ in shown],
            [rate for _, rate in shown],
            drawn(rung, 40),
            look[rung],
            [material.told(i, worth=f"{rate:.3g} a second at {rung}") for i, rate in shown],
        )
        found.add_trace(trace)
        notes.append(said(len(shown), len(own), f"choice for {rung}"))
    note = "At each choice, what the best query of a rung was expected to add to the answer, per device second, in the surrogate's units."
    return Chart("worth", "What a second on each rung was worth", found, " ".join([note, *filter(None, notes)]))


def _rates(material: Material, why: Mapping[str, object]) -> dict[str, float]:
    """Rung -> expected gain per second at a choice, where it is more than nothing."""
    found = why.get("gain_per_second_by_rung")
    if not isinstance(found, Mapping):
        return {}
    return {rung: float(rate) for rung in material.signals if isinstance(rate := found.get(rung), int | float) and rate > 0}


def _means(material: Material, rung: str) -> dict[str, float]:
    """Architecture -> mean value at a rung, turned so that more is better."""
    signal = next(str(r["signal"]) for r in material.summary["rungs"] if r["rung"] == rung)
    sums: dict[str, list[float]] = {}
    for place in material.of_rung(rung):
        e = material.evaluations[place]
        sums.setdefault(e["architecture"], []).append(material.objective.oriented(signal, float(e["figure"])))
    return {key: sum(figures) / len(figures) for key, figures in sums.items()}
