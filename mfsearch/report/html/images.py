"""Charts as images for papers. Needs kaleido, the extra `png`, and a Chrome or Chromium that is installed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go

from mfsearch.errors import ConfigError, MissingExtraError
from mfsearch.report.html.parts import Chart

WIDTH: Final = 900
"""Pixels before scaling; heights are the charts' own."""

_SCALE = 2  # pixels an image has for each of the page's: sharp in print at half a page's width


def write_images(charts: Sequence[Chart], folder: Path) -> list[Path]:
    """Write each chart as `NAME.png`, in the colours of day on white; the paths, in order.

    Raises:
        MissingExtraError: If kaleido is not installed.
        ConfigError: If it finds no browser, or one that does not start.
    """
    kaleido = _kaleido()
    figures = [printable(chart) for chart in charts]
    paths = [folder / f"{chart.name}.png" for chart in charts]
    jobs = [
        {"fig": figure, "path": path, "opts": {"format": "png", "width": WIDTH, "height": figure.layout.height, "scale": _SCALE}}
        for figure, path in zip(figures, paths, strict=True)
    ]
    if not jobs:
        return []
    try:
        # Formulas are not among what we draw: without a copy of MathJax nothing is fetched from the network.
        kaleido.write_fig_from_object_sync(jobs, kopts={"mathjax": False, "n": 1})
    except Exception as error:
        if type(error).__name__ not in ("ChromeNotFoundError", "BrowserFailedError", "BrowserDepsError"):
            raise
        raise ConfigError(
            f"--png must find a Chrome or Chromium to draw with; got {type(error).__name__}: {' '.join(str(error).split())[:200]}. "
            "Install one, or name it by BROWSER_PATH."
        ) from error
    return paths


def printable(chart: Chart) -> Any:
    """A copy of a chart's figure for paper: on white, with a little more room above. The title is the caption's business."""
    figure = go.Figure(chart.figure)
    height, margin = int(figure.layout.height), figure.layout.margin
    return figure.update_layout(paper_bgcolor="#ffffff", plot_bgcolor="#ffffff", height=height + 10, margin={"t": margin.t + 10})


def _kaleido() -> Any:
    try:
        return importlib.import_module("kaleido")  # an extra: most reports are read in a browser
    except ImportError as error:
        raise MissingExtraError("kaleido", "png", "--png") from error
