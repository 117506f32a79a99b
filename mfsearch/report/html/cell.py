"""An architecture for the eye: a cell as a graph, anything else as a table of its choices."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mfsearch.report.html.parts import table
from mfsearch.report.html.text import safe, shortened

_EDGE = re.compile(r"([^|~+]+)~(\d+)")
_STEP, _TOP, _HALF, _SIDE = 104, 26, 52, 21  # pixels: between nodes, above the first, half a label, a node's radius
_MOST_NODES = 12


@dataclass(frozen=True, slots=True)
class Edge:
    """An operation from one node of a cell to a later one."""

    source: int
    node: int
    operation: str


def edges_of(key: str) -> list[Edge] | None:
    """The edges of a cell written like those of NAS-Bench-201: nodes apart by `+`, each edge as `|operation~source|`.

    None where the text is no such cell, or one of more than a dozen nodes.
    """
    found = []
    nodes = key.split("+")
    if len(nodes) >= _MOST_NODES:
        return None
    for node, text in enumerate(nodes, start=1):
        edges = _EDGE.findall(text)
        if not edges or "|" + "|".join(f"{operation}~{source}" for operation, source in edges) + "|" != text:
            return None
        if any(int(source) >= node for _, source in edges):
            return None
        found += [Edge(int(source), node, operation) for operation, source in edges]
    return found


def drawn_cell(key: str) -> str | None:
    """A cell as an SVG, from its input at the top to its output at the bottom; None where the text is no cell."""
    edges = edges_of(key)
    if edges is None:
        return None
    last = max(edge.node for edge in edges)
    reach = [_bulge(edge) for edge in edges]
    left, right = min(0.0, *reach) - _HALF - 4, max(0.0, *reach) + _HALF + 4
    height = 2 * _TOP + last * _STEP
    lines, labels = [], []
    for edge, offset in zip(edges, reach, strict=True):
        start, end = _y(edge.source) + _SIDE, _y(edge.node) - _SIDE
        bend = offset / 0.75  # a cubic curve goes three quarters of the way to its two handles
        kind = _kind(edge.operation)
        if offset:
            start, end = _y(edge.source) + 8, _y(edge.node) - 8
            edge_of_node = 19 if offset > 0 else -19
            path = f"M{edge_of_node} {start}C{bend:.0f} {start + 24} {bend:.0f} {end - 24} {edge_of_node} {end}"
        else:
            path = f"M0 {start}V{end}"
        lines.append(f'<path class="{kind}" d="{path}" marker-end="url(#tip)"/>')
        name, y = safe(edge.operation, 16), (start + end) / 2
        box = f'<rect x="{offset - _HALF:.0f}" y="{y - 11:.0f}" width="{2 * _HALF}" height="22" rx="11"/>'
        labels.append(f'<g class="{kind}">{box}<text x="{offset:.0f}" y="{y + 4:.0f}">{name}</text></g>')
    nodes = []
    for node in range(last + 1):
        name = "in" if node == 0 else "out" if node == last else str(node)
        circle = f'<circle cy="{_y(node)}" r="{_SIDE - 1}"/><text y="{_y(node) + 4}">{name}</text>'
        nodes.append(f'<g class="node">{circle}</g>')
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
    said = safe("Cell: " + ", ".join(f"{e.operation} from node {e.source} to node {e.node}" for e in edges))
    view = f"{left:.0f} 0 {right - left:.0f} {height}"
    inside = "".join([f"<defs>{tip}</defs>", *lines, *labels, *nodes])
    return (
        f'<svg class="cell" viewBox="{view}" style="max-width:{right - left:.0f}px" role="img" aria-label="{said}">{inside}</svg>'
    )


def listed_choices(key: str) -> str:
    """The choices of an architecture as a table: the entries of a JSON object, the stages of a network, or the text itself."""
    try:
        read = json.loads(key)
    except ValueError:
        read = None
    if isinstance(read, dict) and read:
        rows = [
            [shortened(name), f"{value:.5g}" if isinstance(value, float) else shortened(value)] for name, value in read.items()
        ]
        return table(["choice", "value"], rows, right=[1])
    stages = key.split("|")
    if len(stages) > 1 and all(stages):
        return table(["stage", "choice"], [[str(number), shortened(stage)] for number, stage in enumerate(stages, start=1)])
    return table(["architecture"], [[shortened(key)]])


def _y(node: int) -> int:
    return _TOP + node * _STEP


def _bulge(edge: Edge) -> float:
    """How far to the side an edge runs: not at all between neighbours, further the more nodes it passes."""
    passed = edge.node - edge.source - 1
    side = 1 if edge.source % 2 else -1
    return 0.0 if not passed else side * (22.0 + 82.0 * passed)


def _kind(operation: str) -> str:
    """Class of the style sheet for an operation: nothing, an identity, pooling, or something with weights."""
    name = operation.lower()
    if name in ("none", "zero"):
        return "none"
    if "skip" in name or "identity" in name:
        return "skip"
    return "pool" if "pool" in name else "weights"
