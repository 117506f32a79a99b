"""The NAS-Bench-201 cells: four nodes, six edges, five operations, 15,625 cells in 6,466 classes.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mfsearch.errors import SpaceError
from mfsearch.networks.counts import count_flops, count_parameters
from mfsearch.networks.nasbench201 import EDGES, OPERATIONS, NASBench201Network
from mfsearch.records import Architecture, InputLayout, Task
from mfsearch.spaces.base import AbstractSearchSpace

_NAME = "nasbench201"
_NUMBER = {operation: number for number, operation in enumerate(OPERATIONS)}
_ZERO = "#"
_EXAMPLE = (
    "Write for example |nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|avg_pool_3x3~2|, "
    "in quotes on a command line."
)

Cell = tuple[str, ...]


def cell_string(cell: Cell) -> str:
    """The benchmark's string of six operations in the order of `EDGES`."""
    edges = [f"|{operation}~{source}" for operation, (_, source) in zip(cell, EDGES, strict=True)]
    return "+".join("".join(edges[start:end]) + "|" for start, end in ((0, 1), (1, 3), (3, 6)))


def expression(cell: Cell) -> str:
    """What the output node computes, written so that isomorphic cells read the same.

    A node is the sum of its terms in sorted order; a skip connection hands on its source's text, `none` is zero, and so is
    every operation on a node that is zero. This is finer than equality of functions (which would leave 4,930 classes): zeros
    stay in the sum, and a sum handed on by a skip connection is sorted as one term. The latter makes the classes depend on the
    spelling, so `(source)@operation`, `0` for the input and `#` for zero are the benchmark's, and the 6,466 classes are too.
    """
    nodes = ["0", "", "", ""]
    for node in (1, 2, 3):
        terms = []
        for operation, (target, source) in zip(cell, EDGES, strict=True):
            if target != node:
                continue
            if operation == "none" or nodes[source] == _ZERO:
                terms.append(_ZERO)
            elif operation == "skip_connect":
                terms.append(nodes[source])
            else:
                terms.append(f"({nodes[source]})@{operation}")
        nodes[node] = "+".join(sorted(terms))
    return nodes[3]


@cache
def _classes() -> tuple[dict[Cell, Architecture], dict[str, tuple[Cell, ...]]]:
    """Cell -> representative, and the representative's key -> members. Takes some 0.15 s, once a process."""
    members: dict[str, list[Cell]] = {}
    for cell in itertools.product(OPERATIONS, repeat=len(EDGES)):
        members.setdefault(expression(cell), []).append(cell)
    # product() runs in lexicographic order of operation numbers, so the first member of a class is its smallest.
    representatives = {first: Architecture(_NAME, first, cell_string(first)) for first, *_ in members.values()}
    representative = {cell: representatives[cells[0]] for cells in members.values() for cell in cells}
    return representative, {representatives[cells[0]].key: tuple(cells) for cells in members.values()}


class NASBench201Space(AbstractSearchSpace):
    """All cells of NAS-Bench-201; the genotype is the six operations in the order of `EDGES`.

    The representative of a class is its member with the lexicographically smallest operation numbers (order of `OPERATIONS`),
    which depends on nothing but the cells. The benchmark calls two convolutions of one input equal although their weights
    are not, so in 578 classes the members differ in their number of parameters.
    """

    name = _NAME

    @property
    def layout(self) -> InputLayout:
        """Six groups, one an edge, of five one-hot columns."""
        width = len(OPERATIONS)
        return InputLayout(categorical=tuple(tuple(range(width * edge, width * (edge + 1))) for edge in range(len(EDGES))))

    def architecture(self, cell: Sequence[str]) -> Architecture:
        """The architecture of six operations, as it is (not canonical).

        Raises:
            SpaceError: If there are not six, or one is no operation of the benchmark.
        """
        if len(cell) != len(EDGES):
            raise SpaceError(f"a NAS-Bench-201 cell must have {len(EDGES)} operations; got {len(cell)}. {_EXAMPLE}")
        for operation, edge in zip(cell, EDGES, strict=True):
            _check_operation(operation, edge, cell_string(tuple(cell)))
        return Architecture(_NAME, tuple(cell), cell_string(tuple(cell)))

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n cells uniformly from the 15,625, each as the representative of its class."""
        representative, _ = _classes()
        return [representative[tuple(OPERATIONS[i] for i in row)] for row in rng.integers(len(OPERATIONS), size=(n, len(EDGES)))]

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The classes that one changed edge of any member of this class leads to, in the order of `enumerate`."""
        representative, members = _classes()
        own = self.canonical(architecture)
        found = {
            representative[(*cell[:edge], operation, *cell[edge + 1 :])]
            for cell in members[own.key]
            for edge in range(len(EDGES))
            for operation in OPERATIONS
        }
        return sorted(found - {own}, key=_order)

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """One-hot operations of the representatives, n x 30."""
        numbers = np.array([_order(self.canonical(architecture)) for architecture in architectures], dtype=np.intp)
        return np.eye(len(OPERATIONS))[numbers.reshape(-1, len(EDGES))].reshape(len(architectures), len(EDGES) * len(OPERATIONS))

    def parse(self, text: str) -> Architecture:
        """Read a string of the benchmark; the result is the cell as written, not its representative."""
        nodes = text.strip().split("+")
        if len(nodes) != 3:
            raise SpaceError(f"a NAS-Bench-201 cell must have 3 nodes joined by '+'; got {len(nodes)} in {text!r}. {_EXAMPLE}")
        cell = []
        for target, node in enumerate(nodes, start=1):
            if len(node) < 2 or node[0] != "|" or node[-1] != "|":
                raise SpaceError(f"node {target} must begin and end with '|'; got {node!r} in {text!r}. {_EXAMPLE}")
            edges = node[1:-1].split("|")
            if len(edges) != target:
                raise SpaceError(f"node {target} must have {target} incoming edge(s); got {len(edges)} in {node!r}. {_EXAMPLE}")
            for source, written in enumerate(edges):
                operation, _, origin = written.partition("~")
                if origin != str(source):
                    raise SpaceError(
                        f"edge {source + 1} of node {target} must come from node {source} and read 'operation~{source}'; "
                        f"got {written!r}. {_EXAMPLE}"
                    )
                _check_operation(operation, (target, source), text)
                cell.append(operation)
        return Architecture(_NAME, tuple(cell), cell_string(tuple(cell)))

    def canonical(self, architecture: Architecture) -> Architecture:
        """The member of the architecture's class with the smallest operation numbers."""
        try:
            return _classes()[0][architecture.genotype]  # type: ignore[index]  # any gene may be looked up; a wrong one is the error
        except KeyError:
            raise SpaceError(
                f"an architecture must be a NAS-Bench-201 cell; got {architecture.key!r} of space {architecture.space!r}. "
                f"{_EXAMPLE}"
            ) from None

    def members(self, architecture: Architecture) -> list[Architecture]:
        """All cells of the architecture's class, the representative first."""
        cells = _classes()[1][self.canonical(architecture).key]
        return [Architecture(_NAME, cell, cell_string(cell)) for cell in cells]

    def enumerate(self) -> list[Architecture]:
        """The 6,466 representatives, in lexicographic order of their operation numbers."""
        return list(dict.fromkeys(_classes()[0].values()))

    def connected(self, architecture: Architecture) -> bool:
        """Whether the input reaches the output through edges that are not `none`."""
        reached = {0}
        for operation, (target, source) in zip(architecture.genotype, EDGES, strict=True):
            if operation != "none" and source in reached:
                reached.add(target)
        return 3 in reached

    def build(self, architecture: Architecture, task: Task) -> nn.Module:
        """The benchmark's skeleton around this cell; channels, cells a stage and reduction come from `task.network`."""
        channels, _, _ = task.input_shape
        return NASBench201Network(_operations(architecture), channels, task.classes, **_network(task))

    def parameters(self, architecture: Architecture, task: Task) -> int:
        """Trainable parameters of `build`'s network, in closed form."""
        channels, _, _ = task.input_shape
        return count_parameters(_operations(architecture), channels, task.classes, **_network(task))

    def flops(self, architecture: Architecture, task: Task) -> int:
        """Operations of `build`'s network for one image, in closed form, counted as the benchmark does."""
        return count_flops(_operations(architecture), task.input_shape, task.classes, **_network(task))

    def counts(self, architecture: Architecture, task: Task) -> Mapping[str, float]:
        """`params` and `flops`."""
        return {"params": float(self.parameters(architecture, task)), "flops": float(self.flops(architecture, task))}


def _operations(architecture: Architecture) -> list[str]:
    return [str(operation) for operation in architecture.genotype]


def _network(task: Task) -> dict[str, Any]:
    # JSON says nothing about types; the network checks its own arguments.
    return dict(task.network)


def _order(architecture: Architecture) -> tuple[int, ...]:
    return tuple(_NUMBER[str(operation)] for operation in architecture.genotype)


def _check_operation(operation: str, edge: tuple[int, int], text: str) -> None:
    if operation not in _NUMBER:
        close = difflib.get_close_matches(operation, OPERATIONS, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise SpaceError(
            f"the operation of edge {edge[0]}<-{edge[1]} must be one of {', '.join(OPERATIONS)}; "
            f"got {operation!r} in {text!r}. {hint}{_EXAMPLE}"
        )
