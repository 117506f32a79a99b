"""One training run, with or without a teacher, and what it came to."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Final, Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from mfsearch.datasets.base import ImageData
from mfsearch.distillation import LOSSES, feeding
from mfsearch.distillation.checkpoint import Checkpoint, restore, taken
from mfsearch.distillation.feeding import INSIDE, Batch, TeacherOutputs, outputs
from mfsearch.distillation.losses import LossSettings, Outputs
from mfsearch.distillation.schedule import SCHEDULES, Schedule, rate
from mfsearch.distillation.selectivity import KERNELS
from mfsearch.errors import ConfigError, DataError, EvaluationError

Check: TypeAlias = Callable[[], None]
Progress: TypeAlias = Callable[[float, str], None]

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
PRECISIONS: Final = get_args(Precision)
EVALUATION_BATCH: Final = 100  # pictures at once without gradients: more would leave the cache of a processor
GPU_EVALUATION_BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """How a network is trained: SGD with Nesterov momentum.

    Attributes:
        epochs: Epochs.
        loss: Name in `LOSSES`: `ce` (labels alone), `kd` (the teacher's outputs as well), or labels beside something inside of
            the teacher: `nst`, `at`, `hints`, `sp`, `pkt`, `rkd`, `cc`.
        batch: Pictures a step. What does not fill a batch is left out of that epoch.
        learning_rate: At the first step.
        momentum: Nesterov momentum.
        weight_decay: Factor of the squared weights.
        settings: Of the loss.
        statistics: Pictures from which batch norm's statistics are estimated anew after training (the last epoch's, at most
            this many): after few epochs the running averages lag far behind the weights. 0 keeps the running averages.
        schedule: How the learning rate goes: `cosine` or `wsd` (see `mfsearch.distillation.schedule`).
        warmup: Share of the steps over which it rises, 0 to 1.
        decay: For `wsd`, share of the steps over which it falls, 0 to 1.
        clip: Largest norm of the gradient, all weights together; longer ones are shortened to it. None: they are not.
        precision: In what networks compute: `float32`, `bfloat16` (mixed: weights, norms and losses stay float32), or `auto`, which is
            mixed on a GPU that has it and float32 elsewhere.
    """

    epochs: int
    loss: str = "ce"
    batch: int = 32
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    settings: LossSettings = field(default_factory=LossSettings)
    statistics: int = 2048
    schedule: Schedule = "cosine"
    warmup: float = 0.0
    decay: float = 0.2
    clip: float | None = None
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ConfigError(f"loss must be one of {', '.join(LOSSES)}; got {self.loss!r}. Change 'loss' of the rung.")
        if self.epochs < 1 or self.batch < 1:
            raise ConfigError(
                f"epochs and batch must be 1 or more; got {self.epochs} and {self.batch}. Change them in the recipe."
            )
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"schedule must be one of {', '.join(SCHEDULES)}; got {self.schedule!r}. Change it in the rung.")
        if not (0 <= self.warmup < 1 and 0 <= self.decay <= 1 and self.warmup + self.decay * (self.schedule == "wsd") <= 1):
            raise ConfigError(
                f"warmup and decay must be shares of the training, together at most 1; got {self.warmup} and {self.decay}. Change them in the rung."
            )
        if self.clip is not None and not self.clip > 0:
            raise ConfigError(f"clip must be positive, or left out; got {self.clip}. Change it in the rung.")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}; got {self.precision!r}. Change it in the rung.")
        if self.settings.kernel not in KERNELS:
            raise ConfigError(f"kernel must be one of {', '.join(KERNELS)}; got {self.settings.kernel!r}. Change it in the rung.")
        if not 0 <= self.settings.alpha <= 1 or self.settings.temperature <= 0:
            raise ConfigError(
                f"alpha must be 0 to 1 and temperature positive; got {self.settings.alpha} and {self.settings.temperature}. Change them in the rung."
            )

    @property
    def stable_epochs(self) -> int:
        """Whole epochs of the run that any longer one of its kind begins with; 0 for a cosine, which is another from its second step."""
        return math.floor((1 - self.decay) * self.epochs + 1e-9) if self.schedule == "wsd" else 0

    @property
    def alike(self) -> str:
        """All that a run and a longer one must share for the longer one to begin with the other's stable epochs."""
        shared = {name: value for name, value in asdict(self).items() if name not in ("epochs", "decay", "warmup", "statistics")}
        return json.dumps({**shared, "warmup_epochs": round(self.warmup * self.epochs, 9)}, sort_keys=True)


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training run came to.

    Attributes:
        train_loss: Mean loss of the last epoch, as it was trained.
        train_accuracy: Percent right in the last epoch, as it was trained.
        losses: Mean loss of each epoch.
        accuracies: Percent right in each epoch.
        val_accuracies: Percent right of the validation pictures after each epoch, with the running statistics; empty unless asked for.
    """

    train_loss: float
    train_accuracy: float
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    val_accuracies: tuple[float, ...] = ()


def train(
    model: nn.Module,
    data: ImageData,
    recipe: TrainingRecipe,
    seed: int,
    teacher: TeacherOutputs | None = None,
    check: Check = lambda: None,
    progress: Progress = lambda fraction, text: None,
    device: str = "cpu",
    validate_each: bool = False,
    start: Checkpoint | None = None,
    keep: Callable[[Checkpoint], None] | None = None,
) -> TrainingResult:
    """Train a network in place, and leave it in evaluation mode with fresh batch-norm statistics.

    The order of the pictures depends on `seed` alone; on one machine, with one number of threads, so does the result.

    Args:
        model: The network; for losses that look inside an `AbstractFeatureNetwork` with feature maps for the teacher's blocks.
        data: Pictures; epoch e uses entry e modulo E of the bank.
        recipe: How to train.
        seed: Seed of the order of the pictures.
        teacher: Outputs of the teacher on the same bank, for all losses but `ce`.
        check: Called at every step; what it raises stops the run.
        progress: Called after every epoch with (fraction done, short text).
        device: torch device string.
        validate_each: Whether to look at the validation pictures after every epoch.
        start: Where a shorter run of the same seed stood, to go on from it: the result is that of training from the beginning.
        keep: Given such a checkpoint after the last stable epoch, where there is one.

    Raises:
        EvaluationError: If the loss is not finite, or the recipe asks for teacher outputs that are not there.
        DataError: If `start` is of another recipe, seed or network.
    """
    feeding.check(model, data, recipe.loss, recipe.batch, recipe.epochs, teacher)
    steps = data.train_labels.shape[1] // recipe.batch
    model.to(device=torch.device(device), memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    connector = _connector(model, data, recipe, teacher, seed, device)
    optimiser = torch.optim.SGD(
        [*model.parameters(), *connector.parameters()],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    order = torch.Generator().manual_seed(seed)
    modules = {"model": model, "connector": connector}
    losses: list[float] = []
    accuracies: list[float] = []
    val_accuracies: list[float] = []
    if start is not None:
        if start.alike != recipe.alike or start.seed != seed or start.epoch > recipe.stable_epochs:
            raise DataError("a checkpoint must be of a shorter run of the same recipe and seed; this one is not. Train anew.")
        restore(start, modules, optimiser, order)
        losses, accuracies = list(start.losses), list(start.accuracies)
    for epoch in range(len(losses), recipe.epochs):
        batches = feeding.batches(data, teacher, recipe.loss, recipe.batch, epoch, order, seed, device)
        total, correct = torch.zeros((), device=device), torch.zeros((), device=device)
        for step, batch in enumerate(batches):
            check()
            factor = rate(recipe.schedule, epoch * steps + step, recipe.epochs * steps, recipe.warmup, recipe.decay)
            optimiser.param_groups[0]["lr"] = recipe.learning_rate * factor
            optimiser.zero_grad()
            loss, logits = _forward(model, connector, batch, recipe)
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.clip is not None:
                torch.nn.utils.clip_grad_norm_([*model.parameters(), *connector.parameters()], recipe.clip)
            optimiser.step()
            total += loss.detach()
            correct += (logits.detach().argmax(1) == batch.labels).sum()
        losses.append(total.item() / steps)
        accuracies.append(100.0 * correct.item() / (steps * recipe.batch))
        if not math.isfinite(losses[-1]):
            raise EvaluationError(
                f"training loss must be finite; got {losses[-1]} in epoch {epoch + 1}. Lower 'learning_rate' or 'beta' if this is frequent."
            )
        if validate_each:
            val_accuracies.append(evaluate(model, data.val_images, data.val_labels, check=check))
            model.train()
        if keep is not None and epoch + 1 == recipe.stable_epochs:
            keep(taken(epoch + 1, seed, recipe.alike, tuple(losses), tuple(accuracies), modules, optimiser, order))
        progress((epoch + 1) / recipe.epochs, f"epoch {epoch + 1}/{recipe.epochs}: loss {losses[-1]:.3f}, {accuracies[-1]:.1f}%")
    if recipe.statistics:
        last = data.train_images[(recipe.epochs - 1) % len(data.train_images), : recipe.statistics]
        estimate_statistics(model, last, check)
    model.eval()
    return TrainingResult(losses[-1], accuracies[-1], tuple(losses), tuple(accuracies), tuple(val_accuracies))


@torch.no_grad()
def estimate_statistics(model: nn.Module, images: Tensor, check: Check = lambda: None) -> None:
    """Replace the running averages of every batch norm by plain averages over batches of these images, n x C x h x w."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
    model.train()
    for part in parts(images, model):
        check()
        model(part)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


@torch.inference_mode()
def evaluate(model: nn.Module, images: Tensor, labels: Tensor, batch: int | None = None, check: Check = lambda: None) -> float:
    """Percent of images n x C x h x w whose label is the network's first choice. Puts the network in evaluation mode."""
    return 100.0 * (predict(model, images, batch, check).argmax(1) == labels.cpu()).double().mean().item()


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor, batch: int | None = None, check: Check = lambda: None) -> Tensor:
    """Logits n x classes, on the CPU. Puts the network in evaluation mode."""
    model.eval()
    outputs = []
    for part in parts(images, model, batch):
        check()
        outputs.append(model(part).cpu())
    return torch.cat(outputs)


def _connector(
    model: nn.Module, data: ImageData, recipe: TrainingRecipe, teacher: TeacherOutputs | None, seed: int, device: str
) -> nn.Module:
    """What the loss wants trained along with the student; without parameters where it wants nothing."""
    connect = LOSSES[recipe.loss].connect
    if connect is None or teacher is None:
        return nn.Identity()
    two = data.train_images[0, :2].to(device)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model.eval()  # a look at shapes must not move the batch norms
        student = outputs(model, two)
        model.train()
        connector = connect(student, teacher.sample(two))
    return connector.to(device=torch.device(device), memory_format=torch.channels_last).train()  # type: ignore[call-overload, no-any-return]


def _forward(model: nn.Module, connector: nn.Module, batch: Batch, recipe: TrainingRecipe) -> tuple[Tensor, Tensor]:
    """Loss and logits of one batch; the loss in float32, whatever the network computes in."""
    loss = LOSSES[recipe.loss]
    kind = batch.images.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=is_mixed(recipe.precision, kind)):
        student = outputs(model, batch.images) if loss.needs in INSIDE else Outputs(model(batch.images))
    student = Outputs(
        student.logits.float(),
        tuple(m.float() for m in student.blocks),
        None if student.pooled is None else student.pooled.float(),
    )
    if loss.needs == "blocks" and len(student.blocks) != len(batch.teacher.blocks):
        raise EvaluationError(
            f"the teacher must have feature maps for {len(student.blocks)} blocks, as the student; got {len(batch.teacher.blocks)}. "
            "Give both the same skeleton."
        )
    if loss.connect:
        student = connector(student)
    return loss.value(student, batch.teacher, batch.labels, recipe.settings), student.logits


def is_mixed(precision: Precision, kind: str) -> bool:
    """Whether networks compute in bfloat16 on a device of that kind, such as `cuda`."""
    if precision == "auto":
        return kind == "cuda" and torch.cuda.is_bf16_supported()
    return precision == "bfloat16"


def parts(images: Tensor, model: nn.Module, batch: int | None = None) -> list[Tensor]:
    """Images n x C x h x w cut into batches that suit the network's device, and on it."""
    device = next(model.parameters()).device
    size = batch or (GPU_EVALUATION_BATCH if device.type == "cuda" else EVALUATION_BATCH)
    return [part.to(device) for part in torch.split(images, size)]
