"""Networks of the NAS-Bench-201 cell space, laid out for speed.

A cell is a directed graph of four nodes. Node 0 is the cell's input, node 3 its output, and each of the six edges carries one
of five operations; a node is the sum of its incoming edges (Dong and Yang, ICLR 2020). The skeleton repeats the cell in three
stages with a reduction, which halves the picture and doubles the channels, between them.

What leaves a node is computed once: one rectifier, one pool, and one convolution a kernel size whose output channels are those
of all edges that share it. Batch norm works channel by channel, so the function is the one of six separate edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import torch
from torch import Tensor, nn

from mfsearch.errors import SpaceError
from mfsearch.networks.base import AbstractFeatureNetwork, standing_for

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES: Final = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""(target, source) of each edge, in the benchmark's order."""

KERNELS: Final = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
OUTPUT: Final = 3

Reduction: TypeAlias = Literal["residual", "light"]


def check_operations(operations: Sequence[str]) -> None:
    """Check that these are six operations of the space.

    Raises:
        SpaceError: If they are not.
    """
    if len(operations) != len(EDGES):
        raise SpaceError(
            f"a cell must have {len(EDGES)} operations; got {len(operations)}. "
            "Name them in the order of the edges 1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2."
        )
    for operation in operations:
        if operation not in OPERATIONS:
            raise SpaceError(f"an operation must be one of {', '.join(OPERATIONS)}; got {operation!r}. Mend the cell's string.")


def live_nodes(operations: Sequence[str]) -> frozenset[int]:
    """Nodes from which the cell's output can be reached; only they are worth computing."""
    live = {OUTPUT}
    for (target, source), operation in reversed(list(zip(EDGES, operations, strict=True))):
        if operation != "none" and target in live:
            live.add(source)
    return frozenset(live)


class NASBench201Network(AbstractFeatureNetwork):
    """Stem, three stages of cells with reductions between them, and a linear classifier.

    Args:
        operations: Names of the six operations, in the order of `EDGES`.
        in_channels: Channels of the pictures.
        classes: Number of classes.
        channels: Channels C of the first stage; the others have 2C and 4C.
        cells: Cells a stage.
        reduction: `residual`, the benchmark's stride-2 residual block, or `light`: average pool, 1x1 convolution, batch norm.
            The light one leaves the work to the cells, so that small networks differ by their cells.

    Raises:
        SpaceError: If the operations are not six of the space, or the reduction is unknown.
    """

    def __init__(
        self,
        operations: Sequence[str],
        in_channels: int,
        classes: int,
        channels: int = 16,
        cells: int = 5,
        reduction: Reduction = "residual",
    ) -> None:
        super().__init__()
        check_operations(operations)
        if reduction not in ("residual", "light"):
            raise SpaceError(f"reduction must be 'residual' or 'light'; got {reduction!r}. Change 'reduction' of the network.")
        reduce = _ResidualReduction if reduction == "residual" else _LightReduction
        self.stem = nn.Sequential(nn.Conv2d(in_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.blocks = nn.ModuleList()
        for stage in range(3):
            width = channels * 2**stage
            if stage > 0:
                self.blocks.append(reduce(width // 2, width))
            self.blocks.extend(_Cell(operations, width) for _ in range(cells))
        self.head = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU())
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, n x classes, of images n x channels x height x width."""
        x = self.stem(images)
        for block in self.blocks:
            x = block(x)
        return self._classify(self._pool(x))

    def forward_features(self, images: Tensor) -> list[Tensor]:
        """Stem output, every cell and reduction output in order, pooled vector, logits."""
        features = [self.stem(images)]
        for block in self.blocks:
            features.append(block(features[-1]))
        features.append(self._pool(features[-1]))
        features.append(self._classify(features[-1]))
        return features

    def pieces(self) -> dict[str, Tensor]:
        """As of any network; the convolutions of cells edge by edge, whatever their kernel."""
        found = {name: tensor for name, tensor in self.state_dict().items() if ".convolutions." not in name}
        for number, block in enumerate(self.blocks):
            if isinstance(block, _Cell):
                found |= {f"blocks.{number}.{name}": view for name, view in block.pieces().items()}
        return found

    def _pool(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.head(x).mean((2, 3))
        return pooled

    def _classify(self, pooled: Tensor) -> Tensor:
        logits: Tensor = self.classifier(pooled)
        return logits


@dataclass(frozen=True, slots=True)
class _Source:
    """What leaves one node: names of its convolutions with their targets, targets of its pool and of its skips."""

    node: int
    convolutions: tuple[tuple[str, tuple[int, ...]], ...]
    pools: tuple[int, ...]
    skips: tuple[int, ...]


class _Cell(nn.Module):
    """One cell. Edges into nodes that never reach the output keep their parameters, as in the benchmark, but are not computed."""

    def __init__(self, operations: Sequence[str], channels: int) -> None:
        super().__init__()
        live = live_nodes(operations)
        self.relus = nn.ModuleDict()
        self.convolutions = nn.ModuleDict()
        self.pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self._channels = channels
        self._edges: dict[tuple[int, int], tuple[str, int]] = {}  # (target, source) -> its convolution, and which part of it
        plan = []
        for node in range(OUTPUT):
            leaving = {target: operation for (target, source), operation in zip(EDGES, operations, strict=True) if source == node}
            used: list[tuple[str, tuple[int, ...]]] = []
            for operation, kernel in KERNELS.items():
                for alive, prefix in ((True, "node"), (False, "idle")):
                    targets = tuple(t for t, name in leaving.items() if name == operation and (t in live) is alive)
                    if targets:
                        name = f"{prefix}{node}_{kernel}x{kernel}"
                        merged = _conv_norm(channels, channels * len(targets), kernel)
                        standing_for(merged[0], len(targets))
                        self.convolutions[name] = merged
                        self._edges.update(((target, node), (name, part)) for part, target in enumerate(targets))
                        used += [(name, targets)] if alive else []
            if used:
                # The benchmark gives every convolution a rectifier of its own; what counts rectifiers counts those.
                self.relus[f"node{node}"] = standing_for(nn.ReLU(), sum(name in KERNELS for name in leaving.values()))
            pools, skips = (
                tuple(t for t, name in leaving.items() if name == operation and t in live)
                for operation in ("avg_pool_3x3", "skip_connect")
            )
            if used or pools or skips:
                plan.append(_Source(node, tuple(used), pools, skips))
        self._plan = tuple(plan)

    def forward(self, x: Tensor) -> Tensor:
        arriving: list[list[Tensor]] = [[x], [], [], []]
        for source in self._plan:
            value = _total(arriving[source.node], x)
            if source.convolutions:
                active = self.relus[f"node{source.node}"](value)
                for name, targets in source.convolutions:
                    outputs = self.convolutions[name](active)
                    parts = outputs.chunk(len(targets), 1) if len(targets) > 1 else (outputs,)
                    for target, part in zip(targets, parts, strict=True):
                        arriving[target].append(part)
            if source.pools:
                pooled = self.pool(value)
                for target in source.pools:
                    arriving[target].append(pooled)
            for target in source.skips:
                arriving[target].append(value)
        return _total(arriving[OUTPUT], x)

    def pieces(self) -> dict[str, Tensor]:
        """Weights and statistics of each edge that has a convolution, as views."""
        found: dict[str, Tensor] = {}
        for (target, source), (name, part) in self._edges.items():
            rows = slice(part * self._channels, (part + 1) * self._channels)
            merged = self.convolutions[name].state_dict()
            found |= {f"{target}<-{source}.{kind}": tensor[rows] for kind, tensor in merged.items() if tensor.dim()}
        return found


def _total(terms: list[Tensor], like: Tensor) -> Tensor:
    if not terms:
        return torch.zeros_like(like)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class _ResidualReduction(nn.Module):
    """The benchmark's reduction: two ReLU-convolution-norm with stride 2, beside an average pool with a 1x1 convolution."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ReLU(), *_conv_norm(incoming, outgoing, 3, stride=2), nn.ReLU(), *_conv_norm(outgoing, outgoing, 3)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(incoming, outgoing, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.main(x) + self.shortcut(x)
        return result


class _LightReduction(nn.Sequential):
    """Average pool, 1x1 convolution, batch norm."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__(nn.AvgPool2d(2), *_conv_norm(incoming, outgoing, 1))


def _conv_norm(incoming: int, outgoing: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(incoming, outgoing, kernel, stride=stride, padding=kernel // 2, bias=False), nn.BatchNorm2d(outgoing)
    )
