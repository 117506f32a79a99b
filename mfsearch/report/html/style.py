"""How every chart looks: colours that colour-blind readers tell apart, a shape for each rung, axes without clutter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go

PAPER: Final = "#fefefe"  # what is written on a bar
INK: Final = "#1f2933"
MUTED: Final = "#5b6775"
GRID: Final = "#e2e6eb"
BLUE: Final = "#1c62b0"
ORANGE: Final = "#c2620a"
TEAL: Final = "#157f6f"
PURPLE: Final = "#8a4fa3"
GREY: Final = "#697585"
RED: Final = "#bf3327"

DARK: Final = {
    PAPER: "#12161b",
    INK: "#e4e9f0",
    MUTED: "#a4afbd",
    GRID: "#343d48",
    BLUE: "#6fb1f7",
    ORANGE: "#f0a352",
    TEAL: "#4fc7b1",
    PURPLE: "#c79fe0",
    GREY: "#98a4b3",
    RED: "#f4796c",
}
"""What the page draws in place of each colour where the reader's screen is dark."""

HEIGHT: Final = 380
"""Pixels of a chart."""

_MANY = 300  # points from which each is drawn smaller
_CLOSE = 4.0  # ratio of the largest to the smallest figure up to which no logarithmic axis is needed
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
_LOWER = ((ORANGE, "square"), (TEAL, "diamond"), (PURPLE, "triangle-up"), (GREY, "cross"))


@dataclass(frozen=True, slots=True)
class Look:
    """Colour and shape of a rung's points."""

    colour: str
    symbol: str


def looks(rungs: Sequence[str]) -> dict[str, Look]:
    """The look of each rung, cheapest first: the last, the target, is blue and round; the others repeat where there are many."""
    found = {rung: Look(*_LOWER[place % len(_LOWER)]) for place, rung in enumerate(rungs[:-1])}
    return found | {rung: Look(BLUE, "circle") for rung in rungs[-1:]}


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title; `more` goes to plotly as it is."""
    return {
        "title": {"text": title, "standoff": 8},
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": GREY,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": GREY,
        "automargin": True,
        **more,
    }


def log_axis(title: str, figures: Sequence[float], **more: Any) -> dict[str, Any]:
    """A logarithmic axis whose marks are written out: plotly's own leave out the magnitude of those between powers of ten.

    Args:
        title: Of the axis.
        figures: What is drawn along it, each more than 0; where they are close to each other the axis is a plain one.
        more: Goes to plotly as it is.
    """
    low, high = min(figures), max(figures)
    if high < _CLOSE * low:
        return axis(title, **more)
    marks = marks_between(low, high)
    return axis(title, type="log", tickmode="array", tickvals=marks, ticktext=[_short(mark) for mark in marks], **more)


def marks_between(low: float, high: float) -> list[float]:
    """Round figures from just below `low` to just above `high`, both more than 0: at least two, at most about a dozen."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = max(1, last - first)
    steps = (1.0, 2.0, 5.0) if decades <= 4 else (1.0,)
    found = [step * 10.0**power for power in range(first, last + 1, max(1, math.ceil(decades / 8))) for step in steps]
    below = [mark for mark in found if mark <= low * (1 + 1e-9)][-1:]
    above = [mark for mark in found if mark >= high * (1 - 1e-9)][:1]
    return sorted({*below, *(mark for mark in found if low <= mark <= high), *above})


def _short(figure: float) -> str:
    """A round figure with at most four digits: 0.05, 200, 50k, 1.5M, 1e-09."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size <= figure < 1000 * size:
            return f"{figure / size:.4g}{letter}"
    return f"{figure:.4g}"


def figure(x: dict[str, Any] | None = None, y: dict[str, Any] | None = None, height: int = HEIGHT) -> Any:
    """An empty figure of our style.

    Args:
        x: The horizontal axis, from `axis`.
        y: The vertical one.
        height: Pixels.
    """
    return dress(go.Figure(), height).update_layout(xaxis=x or {}, yaxis=y or {})


def dress(empty: Any, height: int = HEIGHT) -> Any:
    """Give a plotly figure our style; the same figure."""
    return empty.update_layout(
        template="none",
        height=height,
        margin={"l": 56, "r": 16, "t": 16, "b": 48},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": _FONT, "size": 13, "color": INK},
        hoverlabel={"align": "left", "font": {"family": _FONT, "size": 12}},
        hovermode="closest",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0},
    )


def points(x: Sequence[float], y: Sequence[float], name: str, look: Look, texts: Sequence[str], **more: Any) -> Any:
    """Points of one rung.

    Args:
        x: Where, n.
        y: Where, n.
        name: For the legend, escaped.
        look: The rung's.
        texts: Hover texts, n, escaped.
        more: Goes to plotly as it is.
    """
    size = 7 if len(x) <= _MANY else 5
    marker = {"color": look.colour, "symbol": look.symbol, "size": size, "opacity": 0.65} | more.pop("marker", {})
    return go.Scatter(
        x=list(x),
        y=list(y),
        name=name,
        mode="markers",
        marker=marker,
        text=list(texts),
        hoverinfo="text",
        showlegend=True,
        **more,
    )
