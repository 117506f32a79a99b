"""What DaSS's predictor is told of a task: of its teacher, and of students before they are trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mfsearch.distillation.teacher import TeacherRecipe
from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.metaprediction.predictor import Students, Support
from mfsearch.metaprediction.signature import noise, relative, remapped_signature, signature
from mfsearch.networks.base import AbstractFeatureNetwork
from mfsearch.proxies import PROXIES
from mfsearch.proxies.minibatch import minibatch
from mfsearch.proxies.scoring import score
from mfsearch.records import Architecture
from mfsearch.spaces import SPACES
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.resnet import FULL, ResNetSpace

MISSING = -5.0
"""An undefined score, in place of the logarithm of its ratio to the teacher's."""
_SEED = 0  # of what the teacher's weights do not reach, and of the scores' minibatch


class Told:
    """Students as the predictor sees them: encoding, signature with the teacher's weights, scores relative to the teacher's.

    Args:
        live: The task; its teacher must have been made.
        channels: Channels that signatures are filled up to.
        scores: Names in `mfsearch.proxies.PROXIES`; of each the logarithm counts, less the teacher's.

    Raises:
        ConfigError: If a score is unknown, the space is none whose teachers are known, or the teacher is of another one.
    """

    def __init__(self, live: LiveTask, channels: int, scores: Sequence[str] = ()) -> None:
        if live.space.name not in SPACES:
            raise ConfigError(f"meta-prediction needs a space of {', '.join(SPACES)}; got {live.space.name!r}.")
        self._own = as_architecture(live.teacher_recipe)
        if self._own.space != live.space.name:
            raise ConfigError(
                f"the teacher must be of the students' space {live.space.name!r} for its weights to fit them; got one of {self._own.space!r}. "
                "Mend 'task: teacher:'."
            )
        self.live, self.channels = live, channels
        self._space = SPACES[live.space.name]()  # of a part of a space, too, encodings are those of the whole
        self._rung = ZeroCost("scores", scores, live, seed=_SEED) if scores else None
        self._picture = noise(live.task.input_shape)

    @cached_property
    def support(self) -> Support:
        """The teacher as an architecture, with its validation accuracy.

        Raises:
            DataError: If the teacher was not made, or has too many channels.
        """
        accuracy = torch.tensor(self.live.teacher.val_accuracy / 100)
        scores = torch.zeros(1, self._columns)
        return Support(Students(self._encoded([self._own]), relative(self._signature[None], self._signature), scores), accuracy)

    def students(self, architectures: Sequence[Architecture], context: Context) -> Students:
        """All of them, in order.

        Raises:
            LimitReachedError: From `context.check()`, between two architectures.
            ConfigError: If networks of this space hand out no feature maps.
        """
        signatures = torch.zeros(len(architectures), *self._signature.shape)
        rows = []
        for place, architecture in enumerate(architectures):
            context.check()
            context.progress(place / len(architectures), f"{place} of {len(architectures)} architectures")
            network = self.live.network(architecture, _SEED)
            if not isinstance(network, AbstractFeatureNetwork):
                raise ConfigError(f"networks must hand out feature maps to be meta-predicted; {type(network).__name__} does not.")
            if self._rung is not None:
                rows.append(self._rung.row(architecture, context.device, network))
                _forget(network.cpu())
            signatures[place] = remapped_signature(network, self._teacher, self._picture, self.channels)
        return Students(
            self._encoded(architectures), relative(signatures, self._signature), self._relative(rows, len(architectures))
        )

    @cached_property
    def _teacher(self) -> AbstractFeatureNetwork:
        network = self.live.teacher.outputs.network
        assert network is not None  # a teacher that was made here always has one
        return network

    @cached_property
    def _signature(self) -> Tensor:
        return signature(self._teacher, self._picture, self.channels)

    def _encoded(self, architectures: Sequence[Architecture]) -> Tensor:
        return torch.from_numpy(self._space.encode(architectures)).float()

    @cached_property
    def _teachers_scores(self) -> Tensor:
        assert self._rung is not None
        live, data = self.live, self.live.data
        images, labels = minibatch(data.train_images[0], data.train_labels[0], _SEED)
        proxies = [PROXIES[name] for name in self._rung.columns]
        found = score(lambda: live.teacher_recipe.network(images.shape[1], data.classes), proxies, images, labels, _SEED)
        return _logarithms([tuple(found[name] for name in self._rung.columns)])

    def _relative(self, rows: Sequence[Sequence[float | None]], n: int) -> Tensor:
        """Scores less the teacher's, n x p."""
        return (_logarithms(rows) - self._teachers_scores).nan_to_num(MISSING) if rows else torch.zeros(n, self._columns)

    @property
    def _columns(self) -> int:
        return len(self._rung.columns) if self._rung else 0


def _forget(network: nn.Module) -> None:
    """Batch-norm statistics as before any picture: the scores' minibatch must not show in the signature."""
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()


def as_architecture(recipe: TeacherRecipe) -> Architecture:
    """The teacher as an architecture of its space: a cell, or a residual network of full widths."""
    if recipe.depths:
        return ResNetSpace().architecture([[FULL] * depth for depth in recipe.depths])
    return NASBench201Space().architecture(recipe.operations)


def _logarithms(rows: Sequence[Sequence[float | None]]) -> Tensor:
    """sign(x) log(1 + |x|), n x k; NaN where there is none."""
    figures = torch.tensor([[math.nan if figure is None else figure for figure in row] for row in rows], dtype=torch.float64)
    return (figures.sign() * figures.abs().log1p()).float()
