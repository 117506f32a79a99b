"""Figures of the reproductions. Needs matplotlib, the extra `bench`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mfsearch.reproduce.correlation import Line


def draw_correlations(out: Path, found: Mapping[str, Sequence[Line]]) -> list[Path]:
    """Write `nst240.svg` (over epochs) and `mobilenetv2.svg` (over methods and parts) for the benchmarks that are there.

    Args:
        out: Folder.
        found: As `correlations` gives it.
    """
    drawers = {"nst240": _over_epochs, "mobilenetv2": _over_parts}
    paths = []
    for name, lines in found.items():
        # Fixed ids and no date: the same figures give the same file.
        with matplotlib.rc_context({"svg.hashsalt": "mfsearch", "svg.fonttype": "path"}):
            figure = Figure(figsize=(10.0, 4.5), layout="constrained")
            groups = list(dict.fromkeys(line.group for line in lines))
            for number, group in enumerate(groups, start=1):
                axes = figure.add_subplot(1, len(groups), number)
                drawers[name](axes, [line for line in lines if line.group == group])
                axes.set(title=f"{group} ({max(line.n for line in lines if line.group == group)} architectures)")
                axes.set_ylabel("Spearman's coefficient with the target")
                axes.grid(visible=True, alpha=0.3)
                axes.legend(fontsize="small")
            paths.append(out / f"{name}.svg")
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths


def _over_epochs(axes: Axes, lines: Sequence[Line]) -> None:
    for number, signal in enumerate(dict.fromkeys(line.signal for line in lines if line.source == "nst")):
        own = [line for line in lines if (line.source, line.signal) == ("nst", signal)]
        epochs = [int(line.part.split()[0]) for line in own]
        figures = [line.found["spearman"] for line in own]
        axes.plot(epochs, [figure.value for figure in figures], color=f"C{number}", label=f"NST, {signal} accuracy")
        axes.fill_between(
            epochs, [f.low for f in figures], [f.high for f in figures], color=f"C{number}", alpha=0.15, linewidth=0
        )
    plain = [line.found["spearman"] for line in lines if (line.source, line.signal) == ("plain", "test")]
    for figure in plain:
        axes.axhline(figure.value, color="black", linestyle="--", label="plain, 12 epochs, test accuracy")
        axes.axhspan(figure.low, figure.high, color="black", alpha=0.08, linewidth=0)
    axes.set_xlabel("epochs of NST")


def _over_parts(axes: Axes, lines: Sequence[Line]) -> None:
    parts = list(dict.fromkeys(line.part for line in lines))
    methods = list(dict.fromkeys(line.source for line in lines))
    for number, part in enumerate(parts):
        own = {line.source: line.found["spearman"] for line in lines if line.part == part}
        places = [methods.index(method) + 0.2 * (number - 1) for method in own]
        figures = list(own.values())
        ends = [[f.value - f.low for f in figures], [f.high - f.value for f in figures]]
        axes.errorbar(places, [f.value for f in figures], yerr=ends, fmt="o", markersize=4, label=part)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(methods)), methods, rotation=45, ha="right")
