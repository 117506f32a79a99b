"""Regret over spent time. Needs matplotlib, the extra `bench`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mfsearch.bench.curves import Curve
from mfsearch.bench.statistics import quantile
from mfsearch.problems.base import Problem

_POINTS = 300
_STYLES = ("-", "--", ":", "-.")


def draw(out: Path, problem: Problem, name: str, curves: Mapping[str, Mapping[int, Curve]], budget: float) -> tuple[Path, Path]:
    """Write `anytime.svg` and `anytime.png`: median regret over spent time with the interquartile band, one line a method.

    Both axes are logarithmic; time is in GPU-hours, or in seconds where the budget is less than one.
    A line begins where the median run has an answer; no regret at all is drawn at the lower edge.

    Args:
        out: Folder.
        problem: Gives the unit.
        name: Name of the problem in the title.
        curves: Method -> seed -> curve.
        budget: Device seconds of every run.

    Returns:
        The two files.
    """
    starts = [curve.touches(np.finfo(np.float64).max) for runs in curves.values() for curve in runs.values()]
    first = min([start for start in starts if start > 0 and np.isfinite(start)], default=budget / 100)
    grid = np.geomspace(min(first, budget / 2), budget, _POINTS)
    bands = {
        method: [quantile(np.stack([curve.at(grid) for curve in runs.values()]), q) for q in (0.25, 0.5, 0.75)]
        for method, runs in curves.items()
    }
    seen = np.concatenate([part for band in bands.values() for part in band])
    positive = seen[np.isfinite(seen) & (seen > 0)]
    floor = float(positive.min()) / 2 if len(positive) else 1e-3
    top = float(positive.max()) if len(positive) else 1.0
    clock, second = ("seconds", 1.0) if budget < 3600 else ("GPU-hours", 1 / 3600)
    unit = {"percent": "points", "fraction": "fraction", "none": problem.objective.signal}[problem.objective.unit]
    # Fixed ids and no date: the same runs give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "mfsearch", "svg.fonttype": "path"}):
        # The legend takes a line a method.
        figure = Figure(figsize=(8.0, max(5.5, 0.25 * len(bands))), layout="constrained")
        axes = figure.add_subplot()
        for number, (method, (low, middle, high)) in enumerate(bands.items()):
            colour, style = f"C{number % 10}", _STYLES[number // 10 % len(_STYLES)]
            there = np.isfinite(middle)
            spent = grid[there] * second
            line, bottom = np.maximum(middle[there], floor), np.maximum(low[there], floor)
            # An infinite upper quartile (runs without an answer yet) reaches the upper edge.
            upper = np.where(np.isfinite(high[there]), np.maximum(high[there], floor), 10 * top)
            axes.step(spent, line, where="post", label=method, color=colour, linestyle=style)
            axes.fill_between(spent, bottom, upper, step="post", color=colour, alpha=0.15, linewidth=0)
        axes.set(xscale="log", yscale="log", xlabel=f"spent, {clock}", ylabel=f"regret of the recommendation, {unit}")
        axes.set_xlim(grid[0] * second, 1.1 * budget * second)
        if budget < 3600:
            axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
            axes.xaxis.set_minor_formatter(FuncFormatter(lambda x, _: f"{x:g}" if f"{x:g}"[0] in "25" else ""))
        axes.set_ylim(floor, 1.5 * top)
        axes.set_title(f"{name}: median and quartiles of {max(len(runs) for runs in curves.values())} runs")
        axes.grid(visible=True, which="major", alpha=0.3)
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
        paths = out / "anytime.svg", out / "anytime.png"
        figure.savefig(paths[0], metadata={"Date": None})
        figure.savefig(paths[1], dpi=150)
    return paths
