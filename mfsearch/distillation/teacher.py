"""The teacher: trained once, asked once about the whole training bank, and kept."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from mfsearch.datasets.base import ImageData
from mfsearch.datasets.storage import write_atomically
from mfsearch.distillation import LOSSES
from mfsearch.distillation.feeding import TeacherOutputs
from mfsearch.distillation.trainer import Check, Progress, TrainingRecipe, evaluate, parts, train
from mfsearch.errors import ConfigError, DataError
from mfsearch.networks.base import AbstractFeatureNetwork
from mfsearch.networks.nasbench201 import NASBench201Network, Reduction
from mfsearch.networks.resnet import ResNet

REVISION = 2  # part of the key: raised when the same recipe comes to another teacher
VALIDATION = 2000  # pictures on which the accuracy that is reported is measured; nothing depends on it


@dataclass(frozen=True)
class TeacherRecipe:
    """Which network is trained how. Its skeleton is the students', so that feature maps meet block by block.

    Attributes:
        operations: Six operations of a NAS-Bench-201 cell.
        channels: Channels of the first stage.
        cells: Cells a stage.
        reduction: `residual` or `light`.
        depths: Blocks of each stage of a residual network of full widths, which then takes the cell's place; empty for the cell.
        training: How it is trained; its loss is cross-entropy.
        feature_epochs: Epochs of the bank whose feature maps are kept, for losses that compare them: the epochs of the longest
            such training, 0 where there is none. What is not kept is asked for at every step.
        memory: GiB that the kept feature maps may take; where they would take more, none are kept.
        seed: Seed of its weights and of the order of the pictures.
    """

    operations: tuple[str, ...] = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")
    channels: int = 16
    cells: int = 1
    reduction: Reduction = "light"
    depths: tuple[int, ...] = ()
    training: TrainingRecipe = field(default_factory=lambda: TrainingRecipe(epochs=40))
    feature_epochs: int = 3
    memory: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        if LOSSES[self.training.loss].needs != "nothing":
            raise ConfigError(
                f"a teacher must be trained with the loss 'ce', having no teacher itself; got {self.training.loss!r}. Leave it out."
            )

    def network(self, in_channels: int, classes: int) -> AbstractFeatureNetwork:
        """The untrained network, its weights drawn from the seed; torch's global generator is left as it was."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            if self.depths:
                widths = [[self.channels << stage] * depth for stage, depth in enumerate(self.depths)]
                return ResNet(widths, in_channels, classes, self.channels)
            return NASBench201Network(self.operations, in_channels, classes, self.channels, self.cells, self.reduction)

    def key(self, data_key: str) -> str:
        """Hash of this recipe together with the data's."""
        text = json.dumps({"revision": REVISION, "data": data_key, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained teacher.

    Attributes:
        outputs: What it says of the training bank, and its network.
        val_accuracy: Percent right of the first validation pictures.
        seconds: What training it and asking it cost when it was made.
    """

    outputs: TeacherOutputs
    val_accuracy: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TeacherFiles:
    """Where a teacher is kept: tensors, and beside them a small record that is written last and says that they are whole."""

    folder: Path
    key: str

    @property
    def tensors(self) -> Path:
        """Weights, logits and feature maps."""
        return self.folder / f"teacher-{self.key}.safetensors"

    @property
    def record(self) -> Path:
        """Seconds, accuracy and recipe."""
        return self.folder / f"teacher-{self.key}.json"

    def read_record(self) -> dict[str, Any]:
        """The record.

        Raises:
            DataError: If there is none, or it cannot be read.
        """
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
            return {"seconds": float(record["seconds"]), "val_accuracy": float(record["val_accuracy"])}
        except FileNotFoundError:
            raise DataError(
                f"the teacher must be trained before it is used; there is no {self.record.name} in its folder. Prepare it first."
            ) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise DataError(
                f"a teacher's record must be JSON with seconds and val_accuracy; {self.record} is not. Delete it."
            ) from None


def make_teacher(
    recipe: TeacherRecipe,
    data: ImageData,
    files: TeacherFiles,
    check: Check = lambda: None,
    progress: Progress = lambda fraction, text: None,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> Teacher:
    """Train a teacher, ask it about the bank, and keep all of it.

    Args:
        recipe: Which network, trained how.
        data: What it learns from, and what it is asked about.
        files: Where it is kept.
        check: Called at every step; what it raises stops the work, and nothing is kept.
        progress: Called with (fraction of the training done, short text).
        device: torch device string.
        clock: Seconds; the difference between end and beginning is what it cost.

    Raises:
        EvaluationError: If training diverges.
        OSError: If the folder cannot be written.
    """
    began = clock()
    model = recipe.network(data.input_shape[0], data.classes)
    train(model, data, recipe.training, recipe.seed, check=check, progress=progress, device=device)
    accuracy = evaluate(model, data.val_images[:VALIDATION], data.val_labels[:VALIDATION], check=check)
    tensors: dict[str, Tensor] = {}
    if data.distortion is None:  # else no picture comes twice
        logits, pooled = (
            said.view(*data.train_labels.shape, -1) for said in _said(model, data.train_images.flatten(0, 1), check)
        )
        features = _features(model, data.train_images[: recipe.feature_epochs], recipe.memory, check)
        tensors = {"logits": logits, "pooled": pooled, **{f"features.{block}": maps for block, maps in enumerate(features)}}
    tensors |= {f"weights.{name}": tensor for name, tensor in model.state_dict().items()}
    write_atomically(files.tensors, save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}))
    seconds = clock() - began
    record = {"seconds": seconds, "val_accuracy": accuracy, "data": data.key, "recipe": asdict(recipe)}
    write_atomically(files.record, json.dumps(record, indent=2).encode())
    return Teacher(_outputs(tensors, model), accuracy, seconds)


def load_teacher(recipe: TeacherRecipe, data: ImageData, files: TeacherFiles) -> Teacher:
    """Read a kept teacher.

    Raises:
        DataError: If there is none, it is damaged, or it does not cover the training bank.
    """
    record = files.read_record()
    try:
        tensors = load_file(files.tensors)
    except (FileNotFoundError, SafetensorError):
        raise DataError(
            f"a teacher's tensors must be a whole safetensors file; {files.tensors} is missing or damaged. Delete {files.record.name}."
        ) from None
    network = recipe.network(data.input_shape[0], data.classes)
    shapes = {"logits": (*data.train_labels.shape, data.classes)} if data.distortion is None else {}
    try:
        whole = all(tuple(tensors[name].shape) == shape for name, shape in shapes.items())
        weights = {name.removeprefix("weights."): tensor for name, tensor in tensors.items() if name.startswith("weights.")}
        network.load_state_dict(weights)
    except (KeyError, RuntimeError):
        whole = False
    if not whole:
        raise DataError(
            f"a teacher's file must hold its weights and cover the training bank, {tuple(data.train_labels.shape)}; {files.tensors} does not. "
            f"Delete it and {files.record.name}."
        )
    return Teacher(_outputs(tensors, network), record["val_accuracy"], record["seconds"])


def _outputs(tensors: Mapping[str, Tensor], network: AbstractFeatureNetwork) -> TeacherOutputs:
    features = tuple(tensors[name] for name in sorted((n for n in tensors if n.startswith("features.")), key=_number))
    network.to(memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]
    return TeacherOutputs(tensors.get("logits"), features, tensors.get("pooled"), network)


def _number(name: str) -> int:
    return int(name.partition(".")[2])


@torch.inference_mode()
def _said(model: AbstractFeatureNetwork, images: Tensor, check: Check) -> tuple[Tensor, Tensor]:
    """Logits m x classes and pooled vectors m x C of images m x channels x height x width, on the CPU."""
    model.eval()
    said = []
    for part in parts(images, model):
        check()
        *_, pooled, logits = model.forward_features(part)
        said.append((logits.cpu(), pooled.cpu()))
    logits, pooled = (torch.cat(each) for each in zip(*said, strict=True))
    return logits, pooled


@torch.no_grad()
def _features(model: AbstractFeatureNetwork, bank: Tensor, memory: float, check: Check) -> list[Tensor]:
    """Feature maps of every block, F x n x C x h x w each, for the bank's first F epochs; none for F = 0, or where they are too large."""
    if not len(bank):
        return []
    (one,) = parts(bank[0, :1], model)
    _, *maps, _, _ = model.forward_features(one)
    if bank.shape[0] * bank.shape[1] * sum(4 * layer.numel() for layer in maps) > memory * 2**30:
        return []
    blocks = []
    for part in parts(bank.flatten(0, 1), model):
        check()
        _, *maps, _, _ = model.forward_features(part)
        blocks.append([layer.cpu() for layer in maps])
    whole = [torch.cat(layer) for layer in zip(*blocks, strict=True)]
    return [maps.reshape(*bank.shape[:2], *maps.shape[1:]) for maps in whole]
