"""What every step of a training is given: pictures, labels, and what a teacher says of them.

A teacher's answers are taken from memory where they were kept, and asked for at every step where they were not: because they would not
fit, or because the pictures are distorted anew in every epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mfsearch.datasets.base import ImageData
from mfsearch.distillation import LOSSES
from mfsearch.distillation.losses import Outputs
from mfsearch.errors import EvaluationError
from mfsearch.networks.base import AbstractFeatureNetwork

INSIDE = ("blocks", "pooled")  # what only an AbstractFeatureNetwork hands out
NOTHING = Outputs(torch.empty(0))


@dataclass(frozen=True, eq=False, slots=True)
class TeacherOutputs:
    """What a teacher says of the training bank, so that it does not have to be asked again, and whom to ask of the rest.

    Attributes:
        logits: E x n x classes; None where they were not kept.
        features: One entry a block, F x n x C x h x w, for the first F epochs of the bank.
        pooled: What its classifier is given, E x n x C.
        network: The teacher in evaluation mode, for what is not here; None where all that is needed is.
    """

    logits: Tensor | None = None
    features: tuple[Tensor, ...] = ()
    pooled: Tensor | None = None
    network: AbstractFeatureNetwork | None = None

    def kept(self, needs: str, epoch: int) -> tuple[Tensor, ...]:
        """What was kept of what a loss needs, in an epoch of the bank, n first; nothing where it was not kept."""
        if needs == "logits" and self.logits is not None:
            return (self.logits[epoch],)
        if needs == "pooled" and self.pooled is not None:
            return (self.pooled[epoch],)
        if needs == "blocks" and self.features and epoch < len(self.features[0]):
            return tuple(maps[epoch] for maps in self.features)
        return ()

    def sample(self, images: Tensor) -> Outputs:
        """The blocks of two pictures, for their shapes."""
        if self.features:
            return Outputs(torch.empty(0), tuple(maps[0, :2] for maps in self.features))
        assert self.network is not None
        with torch.no_grad():
            return outputs(self.network.to(images.device), images[:2])


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """One step's."""

    images: Tensor
    labels: Tensor
    teacher: Outputs


def outputs(model: nn.Module, images: Tensor) -> Outputs:
    """All outputs of a network that hands them out."""
    assert isinstance(model, AbstractFeatureNetwork)
    _, *blocks, pooled, logits = model.forward_features(images)
    return Outputs(logits, tuple(blocks), pooled)


def batches(
    data: ImageData,
    teacher: TeacherOutputs | None,
    loss: str,
    batch: int,
    epoch: int,
    order: torch.Generator,
    seed: int,
    device: str,
) -> Iterator[Batch]:
    """The batches of one epoch, in an order drawn from `order`; what does not fill one is left out.

    All of an epoch is gathered once, then cut, which is cheaper than gathering each.
    """
    entry = epoch % len(data.train_images)
    chosen = torch.randperm(data.train_labels.shape[1], generator=order)
    chosen = chosen[: len(chosen) // batch * batch]

    def cut(bank: Tensor) -> Sequence[Tensor]:
        return torch.split(bank[chosen.to(bank.device)].to(device), batch)

    images, labels = data.train_images[entry], cut(data.train_labels[entry])
    needs = LOSSES[loss].needs
    kept: tuple[Tensor, ...] = ()
    if data.distortion is not None:
        pictures = images[chosen.to(images.device)].to(device)
        cuts = torch.split(data.distortion(pictures, np.random.default_rng([seed, 3, epoch])), batch)
    else:
        cuts = tuple(cut(images))
        kept = () if teacher is None else teacher.kept(needs, entry)
    if teacher is None or needs == "nothing":
        yield from (Batch(x, y, NOTHING) for x, y in zip(cuts, labels, strict=True))
    elif kept:
        for x, y, *said in zip(cuts, labels, *map(cut, kept), strict=True):
            yield Batch(x, y, _as_outputs(needs, said))
    else:
        assert teacher.network is not None
        network = teacher.network.to(device)
        for x, y in zip(cuts, labels, strict=True):
            with torch.no_grad():
                said_now = outputs(network, x)
            yield Batch(x, y, said_now)


def check(model: nn.Module, data: ImageData, loss: str, batch: int, epochs: int, teacher: TeacherOutputs | None) -> None:
    """Whether a training can be given what its loss needs.

    Raises:
        EvaluationError: If an epoch holds no batch, or the teacher or the network lacks what the loss compares.
    """
    n = data.train_labels.shape[1]
    if n < batch:
        raise EvaluationError(f"an epoch must hold one batch of {batch} at least; got {n} pictures. Lower 'batch'.")
    needs = LOSSES[loss].needs
    if needs == "nothing":
        return
    if teacher is None:
        raise EvaluationError(f"loss {loss!r} must have a teacher's outputs; got none. Prepare the teacher first, or use 'ce'.")
    if needs in INSIDE and not isinstance(model, AbstractFeatureNetwork):
        raise EvaluationError(
            f"loss {loss!r} must have a network that hands out its feature maps; got {type(model).__name__}. "
            "Derive it from AbstractFeatureNetwork, or use 'kd'."
        )
    if teacher.network is not None:
        return  # whom to ask
    if data.distortion is not None:
        raise EvaluationError(
            f"loss {loss!r} must have the teacher's network where pictures are distorted anew; got its kept outputs alone."
        )
    if teacher.logits is None or teacher.logits.shape[:2] != data.train_labels.shape:
        got = "none" if teacher.logits is None else tuple(teacher.logits.shape[:2])
        raise EvaluationError(
            f"the teacher's outputs must cover the training bank of {tuple(data.train_labels.shape)} pictures; "
            f"got {got}. Train the teacher anew."
        )
    last = min(epochs, len(data.train_images)) - 1
    if not teacher.kept(needs, last):
        raise EvaluationError(
            f"loss {loss!r} must have the teacher's {needs} of {last + 1} epochs; this teacher was kept without. Delete its file: it is made anew."
        )


def _as_outputs(needs: str, said: Sequence[Tensor]) -> Outputs:
    if needs == "logits":
        return Outputs(said[0])
    if needs == "pooled":
        return Outputs(torch.empty(0), pooled=said[0])
    return Outputs(torch.empty(0), tuple(said))
