"""Residual networks with a depth for each stage and a width for each block: the space of DaSS.

Source: Lee, An, Kim and Hwang, "Meta-prediction Model for Distillation-Aware NAS on Unseen Datasets", ICLR 2023 (arXiv 2305.16948).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mfsearch.errors import SpaceError
from mfsearch.networks.resnet import STAGES, ResNet, count_flops, count_parameters
from mfsearch.records import Architecture, InputLayout, Task
from mfsearch.spaces.base import AbstractSearchSpace

DEPTH: Final = 5
"""Most blocks a stage."""
FULL: Final = 16
"""Sixteenths of a stage's width that a block may have: from `NARROW` to these."""
NARROW: Final = 8
CHANNELS: Final = 32
"""Full width of the first stage; each later one has twice that of the one before."""
_NAME: Final = "resnet"
_EXAMPLE: Final = "Write sixteenths of the stage's width for each block, such as '16,12|8|16,16,9|10'."

Stages = tuple[tuple[int, ...], ...]


class ResNetSpace(AbstractSearchSpace):
    """Four stages of one to five basic blocks, each 8 to 16 sixteenths of its stage's width: some 2 x 10^19 networks.

    The genotype holds 20 numbers, five places a stage: the sixteenths of the block there, 0 where there is none. `task.network` may
    give `channels`, the full width of the first stage (32; the others have twice that of the one before), which is the stem's, too.
    """

    name = _NAME

    @property
    def layout(self) -> InputLayout:
        """Numeric columns: four depths, then twenty widths."""
        return InputLayout(numeric=tuple(range(STAGES * (1 + DEPTH))))

    def architecture(self, stages: Sequence[Sequence[int]]) -> Architecture:
        """The architecture with these sixteenths, stage by stage.

        Raises:
            SpaceError: If there are not four stages of one to five blocks, or a width is none of 8 to 16.
        """
        if len(stages) != STAGES:
            raise SpaceError(f"a residual network must have {STAGES} stages; got {len(stages)}. {_EXAMPLE}")
        for number, stage in enumerate(stages, start=1):
            if not 1 <= len(stage) <= DEPTH:
                raise SpaceError(f"stage {number} must have 1 to {DEPTH} blocks; got {len(stage)}. {_EXAMPLE}")
            for width in stage:
                if not NARROW <= width <= FULL:
                    raise SpaceError(
                        f"a block of stage {number} must have {NARROW} to {FULL} sixteenths; got {width}. {_EXAMPLE}"
                    )
        genes = tuple(int(gene) for stage in stages for gene in (*stage, *[0] * (DEPTH - len(stage))))
        return Architecture(_NAME, genes, "|".join(",".join(str(int(width)) for width in stage) for stage in stages))

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        """Draw n networks: depths uniform, and widths uniform."""
        depths = rng.integers(1, DEPTH + 1, size=(n, STAGES))
        widths = rng.integers(NARROW, FULL + 1, size=(n, STAGES, DEPTH))
        return [
            self.architecture([row[:depth].tolist() for row, depth in zip(stages, own, strict=True)])
            for stages, own in zip(widths, depths.tolist(), strict=True)
        ]

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """One block a sixteenth wider or narrower, or a stage with a block more (of any width) or less at its end."""
        return [self.architecture(stages) for stages in _changed(stages_of(architecture))]

    def encode(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Depths and widths, each from 0 (least) to 1 (most), n x 24; a block that is not there is as wide as its stage's mean."""
        rows = np.zeros((len(architectures), STAGES * (1 + DEPTH)))
        for row, architecture in zip(rows, architectures, strict=True):
            for number, stage in enumerate(stages_of(architecture)):
                row[number] = (len(stage) - 1) / (DEPTH - 1)
                start = STAGES + number * DEPTH
                widths = (np.array(stage, dtype=np.float64) - NARROW) / (FULL - NARROW)
                row[start : start + DEPTH] = widths.mean()
                row[start : start + len(stage)] = widths
        return rows

    def parse(self, text: str) -> Architecture:
        """Read a string such as '16,12|8|16,16,9|10'.

        Raises:
            SpaceError: If it is none.
        """
        try:
            stages = [[int(width) for width in stage.split(",")] for stage in text.strip().split("|")]
        except ValueError:
            raise SpaceError(f"a residual network must be whole numbers between ',' and '|'; got {text!r}. {_EXAMPLE}") from None
        return self.architecture(stages)

    def build(self, architecture: Architecture, task: Task) -> nn.Module:
        """The network; its width comes from `task.network`."""
        channels, _, _ = task.input_shape
        full = full_width(task)
        return ResNet(widths_of(architecture, full), channels, task.classes, full)

    def counts(self, architecture: Architecture, task: Task) -> Mapping[str, float]:
        """`params` and `flops`."""
        full = full_width(task)
        widths = widths_of(architecture, full)
        return {
            "params": float(count_parameters(widths, task.input_shape[0], task.classes, full)),
            "flops": float(count_flops(widths, task.input_shape, task.classes, full)),
        }


def stages_of(architecture: Architecture) -> Stages:
    """Sixteenths of every block, stage by stage.

    Raises:
        SpaceError: If the architecture is of another space.
    """
    genes = architecture.genotype
    if architecture.space != _NAME or len(genes) != STAGES * DEPTH:
        raise SpaceError(
            f"an architecture must be a residual network; got {architecture.key!r} of space {architecture.space!r}. {_EXAMPLE}"
        )
    # A genotype's numbers are its own; other spaces' may be anything.
    return tuple(tuple(int(gene) for gene in genes[start : start + DEPTH] if gene) for start in range(0, len(genes), DEPTH))


def widths_of(architecture: Architecture, channels: int = CHANNELS) -> list[list[int]]:
    """Channels of every block, stage by stage, where the first stage's full width is `channels`; rounded, and at least 1."""
    return [
        [max(1, (2 * (channels << number) * width + FULL) // (2 * FULL)) for width in stage]
        for number, stage in enumerate(stages_of(architecture))
    ]


def full_width(task: Task) -> int:
    """Full width of the first stage of a task's networks, in channels.

    Raises:
        SpaceError: If `task.network` holds anything but a whole number of channels.
    """
    settings: dict[str, Any] = dict(task.network)
    channels = settings.pop("channels", CHANNELS)
    if settings or not isinstance(channels, int) or isinstance(channels, bool) or channels < 1:
        raise SpaceError(
            f"a residual network's settings must be 'channels', a whole number of 1 or more; got {dict(task.network)}. Mend 'task: network:'."
        )
    return channels


def _changed(stages: Stages) -> Iterator[list[list[int]]]:
    for number, stage in enumerate(stages):
        others = [list(other) for other in stages]
        for place, width in enumerate(stage):
            for changed in (width - 1, width + 1):
                if NARROW <= changed <= FULL:
                    yield [*others[:number], [*stage[:place], changed, *stage[place + 1 :]], *others[number + 1 :]]
        if len(stage) > 1:
            yield [*others[:number], list(stage[:-1]), *others[number + 1 :]]
        if len(stage) < DEPTH:
            for width in range(NARROW, FULL + 1):
                yield [*others[:number], [*stage, width], *others[number + 1 :]]
