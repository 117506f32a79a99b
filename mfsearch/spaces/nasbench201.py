"""The NAS-Bench-201 cells: four nodes, six edges, five operations, 15,625 cells in 6,466 classes.

Source: Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
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
_PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))  # edges of every way from the input to the output, by their place in `EDGES`
_TRAINED = tuple(_NUMBER[operation] for operation in ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"))
_LIVE = (*_TRAINED, _NUMBER["skip_connect"])
_CHOICES = len(EDGES) * len(OPERATIONS)
# Columns behind the one-hot ones: how often an operation occurs, one a group, then paths by the number of their operations.
_STRUCTURE = ((0,), (1,), (2,), (3,), (4,), tuple(range(5, 8)), tuple(range(8, 17)), tuple(range(17, 44)))
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


@dataclass(frozen=True)
class _Classes:
    """Cells in classes of equal ones.

    Attributes:
        cells: All cells, in the order that decides which member represents its class: the first.
        representative: Cell -> representative of its class.
        members: The representative's key -> members, the representative first.
        representatives: One of each class, in that order.
        place: The representative's key -> its place among the representatives.
    """

    cells: tuple[Cell, ...]
    representative: Mapping[Cell, Architecture]
    members: Mapping[str, tuple[Cell, ...]]
    representatives: tuple[Architecture, ...]
    place: Mapping[str, int]

    @cached_property
    def encodings(self) -> NDArray[np.float64]:
        """One-hot operations of the representatives and what they are made of, one row each."""
        numbers = np.array([_order(representative) for representative in self.representatives], dtype=np.intp)
        one_hot = np.eye(len(OPERATIONS))[numbers].reshape(len(numbers), _CHOICES)
        return np.concatenate([one_hot, _structure(numbers)], axis=1)


def _collected(cells: Iterable[Cell]) -> _Classes:
    members: dict[str, list[Cell]] = {}
    every = tuple(cells)
    for cell in every:
        members.setdefault(expression(cell), []).append(cell)
    first = {group[0]: Architecture(_NAME, group[0], cell_string(group[0])) for group in members.values()}
    return _Classes(
        every,
        {cell: first[group[0]] for group in members.values() for cell in group},
        {first[group[0]].key: tuple(group) for group in members.values()},
        tuple(first.values()),
        {first[group[0]].key: place for place, group in enumerate(members.values())},
    )


@cache
def _all_classes() -> _Classes:
    """Of all 15,625 cells in lexicographic order of operation numbers. Takes some 0.15 s, once a process."""
    return _collected(itertools.product(OPERATIONS, repeat=len(EDGES)))


class NASBench201Space(AbstractSearchSpace):
    """The cells of NAS-Bench-201; the genotype is the six operations in the order of `EDGES`.

    The representative of a class is its first cell in the order of `cells`; without them, in lexicographic order of operation
    numbers (order of `OPERATIONS`), which depends on nothing but the cells. The benchmark calls two convolutions of one input
    equal although their weights are not, so in 578 classes the members differ in their number of parameters.

    Args:
        cells: Strings of the cells that were measured, in the order of the benchmark's index; no others are in the space.
            None for all 15,625.

    Raises:
        SpaceError: If a string is no cell, comes twice, or there is none.
    """

    name = _NAME

    def __init__(self, cells: Sequence[str] | None = None) -> None:
        self._given: tuple[Cell, ...] | None = None
        self._near: dict[str, tuple[Architecture, ...]] = {}
        if cells is None:
            return
        read = {_read(text): text for text in cells}
        if not read or len(read) < len(cells):
            got = f"{len(cells)} with {len(cells) - len(read)} for the second time" if read else "none"
            raise SpaceError(f"the cells of a space must be at least one, each once; got {got}. Mend the table.")
        self._given = tuple(read)

    def __reduce__(self) -> tuple[type[NASBench201Space], tuple[tuple[str, ...] | None]]:
        """Travels as its cells' strings; classes are found again there."""
        return NASBench201Space, (None if self._given is None else tuple(map(cell_string, self._given)),)

    @cached_property
    def _classes(self) -> _Classes:
        return _all_classes() if self._given is None else _collected(self._given)

    @property
    def layout(self) -> InputLayout:
        """Six groups, one an edge, of five one-hot columns; then counts of operations, one by one, and of paths, by length."""
        width = len(OPERATIONS)
        edges = tuple(tuple(range(width * edge, width * (edge + 1))) for edge in range(len(EDGES)))
        return InputLayout(categorical=edges, structure=tuple(tuple(_CHOICES + c for c in group) for group in _STRUCTURE))

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
        """Draw n cells uniformly from all cells of the space, each as the representative of its class."""
        representative = self._classes.representative
        if self._given is not None:
            return [representative[self._given[i]] for i in rng.integers(len(self._given), size=n)]
        return [representative[tuple(OPERATIONS[i] for i in row)] for row in rng.integers(len(OPERATIONS), size=(n, len(EDGES)))]

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The classes that one changed edge of any member of this class leads to, in the order of `enumerate`."""
        own = self.canonical(architecture)
        if own.key not in self._near:
            classes = self._classes
            changed = (
                (*cell[:edge], operation, *cell[edge + 1 :])
                for cell in classes.members[own.key]
                for edge in range(len(EDGES))
                for operation in OPERATIONS
            )
            found = {classes.representative[cell] for cell in changed if cell in classes.representative}
            self._near[own.key] = tuple(sorted(found - {own}, key=lambda a: classes.place[a.key]))
        return list(self._near[own.key])

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """One-hot operations of the representatives, then what lies on a path from the input to the output, n x 74.

        These are the numbers of convolutions, poolings and skip connections (4), and of paths by the sequence of their operations,
        skip connections left out (1, 3, 9 and 27 sequences of 0 to 3). Path encodings: White, Neiswanger and Savani, "BANANAS:
        Bayesian Optimization with Neural Architectures for Neural Architecture Search", AAAI 2021; here with how often each occurs.
        """
        places = [self._classes.place[self.canonical(architecture).key] for architecture in architectures]
        return self._classes.encodings[np.array(places, dtype=np.intp)]

    def parse(self, text: str) -> Architecture:
        """Read a string of the benchmark; the result is the cell as written, not its representative.

        Raises:
            SpaceError: If it is no cell, or none that was measured.
        """
        cell = _read(text)
        architecture = Architecture(_NAME, cell, cell_string(cell))
        if cell not in self._classes.representative:
            raise self._not_measured(architecture)
        return architecture

    def canonical(self, architecture: Architecture) -> Architecture:
        """The first member of the architecture's class."""
        try:
            return self._classes.representative[architecture.genotype]  # type: ignore[index]  # a wrong gene is the error
        except KeyError:
            if architecture.genotype in _all_classes().representative:
                raise self._not_measured(architecture) from None
            raise SpaceError(
                f"an architecture must be a NAS-Bench-201 cell; got {architecture.key!r} of space {architecture.space!r}. "
                f"{_EXAMPLE}"
            ) from None

    def members(self, architecture: Architecture) -> list[Architecture]:
        """All cells of the architecture's class, the representative first."""
        cells = self._classes.members[self.canonical(architecture).key]
        return [Architecture(_NAME, cell, cell_string(cell)) for cell in cells]

    def enumerate(self) -> list[Architecture]:
        """The representatives (6,466 of all cells), in the order of the cells."""
        return list(self._classes.representatives)

    def _not_measured(self, architecture: Architecture) -> SpaceError:
        return SpaceError(
            f"an architecture must be one of the {len(self._classes.cells):,} cells that the table has measured; got "
            f"{architecture.key!r}, which is a cell, but not among them. Choose another, or import a fuller table."
        )

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


def _read(text: str) -> Cell:
    """The operations of a string of the benchmark.

    Raises:
        SpaceError: If it is none; the message says where and why.
    """
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
    return tuple(cell)


def _operations(architecture: Architecture) -> list[str]:
    return [str(operation) for operation in architecture.genotype]


def _structure(numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """Counts of operations and of paths, n x 44, of cells given by operation numbers, n x 6."""
    rows = np.arange(len(numbers))
    live = np.zeros(numbers.shape, dtype=bool)
    paths = np.zeros((len(numbers), _STRUCTURE[-1][-1] + 1 - len(_LIVE)))
    for edges in _PATHS:
        open = (numbers[:, edges] != _NUMBER["none"]).all(1)
        length, code = np.zeros(len(numbers), dtype=np.intp), np.zeros(len(numbers), dtype=np.intp)
        for edge in edges:
            live[:, edge] |= open
            for place, operation in enumerate(_TRAINED):
                here = numbers[:, edge] == operation
                length += here
                code = np.where(here, len(_TRAINED) * code + place, code)
        column = (len(_TRAINED) ** length - 1) // (len(_TRAINED) - 1) + code  # behind all shorter sequences
        np.add.at(paths, (rows[open], column[open]), 1.0)
    counts = np.stack([((numbers == operation) & live).sum(1) for operation in _LIVE], axis=1)
    return np.concatenate([counts, paths], axis=1)


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
